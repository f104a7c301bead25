r"""Simultaneous clustering and mask prediction: two masked views of a feature map predict each other and a teacher.

Each round: features -> clusters -> PK batches. From each crop's feature map, two views with different masks are made.
With vectors $z_k$ of the views, predictions $p_k$ from them, the momentum teacher's vectors $t_k$ and
$D(p, z) = 2 - 2 \cos(p, z)$ with a stop-gradient on $z$, the loss is the sum of three terms:

- clusters: pulls both views to the centroid of the crop's cluster, and pushes them from all others;
- visual consistency: $\frac{1}{2} (D(p_1, z_2) + D(p_2, z_1))$, between the two views;
- temporal consistency: $\frac{1}{2} (D(p_1, t_2) + D(p_2, t_1))$, between student and teacher.

A fourth one, off by default, predicts the masked cells of the map; see `region_prediction`.

References: our reconstruction from the abstract of Yin et al., "Unsupervised person re-identification via simultaneous
clustering and mask prediction", Pattern Recognition 126, 2022; the clusters and their contrast are those of Dai et al.,
ACCV 2022.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int64
from torch import Generator, Tensor, nn

from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.losses import batch_hard_triplet, consistency
from reseen.memory import Classifier
from reseen.methods.base import MethodContext, Round, Step
from reseen.methods.cluster_contrast import CentroidContrast
from reseen.methods.maskpre_settings import MaskPreSettings
from reseen.methods.region_prediction import RegionPrediction
from reseen.models import Encoder
from reseen.models.ema import MomentumTeacher, ResidualHead, predictor, unwrapped
from reseen.models.frozen_stages import apply_mask, frozen_grid, frozen_output, maps_from_frozen
from reseen.models.masking import check_map, draw_masks
from reseen.models.norm import use_group_norms
from reseen.models.pooling import TokenPooling
from reseen.records import Batch, Features

Mask = Bool[Tensor, "b c y x"]

_SEEDS = 1_000_003
"""The masks of step t are drawn with the seed `seed * _SEEDS + t`: computing losses leaves the main generator
unchanged, and a resumed run draws the same masks."""
_SEED_LIMIT = 1 << 63
"""Seeds of a generator must be below this."""


class MaskPre(CentroidContrast):
    """Contrast with cluster centroids, and prediction between masked views."""

    takes_kept_views = True

    def __init__(self, settings: MaskPreSettings, context: MethodContext) -> None:
        super().__init__(settings, context)
        self.views = settings.views
        self.scored_prefix = "teacher.encoder." if settings.score_with == "teacher" else ""
        encoder, device = context.encoder, context.device
        self._teacher = MomentumTeacher(encoder, settings.teacher)
        frozen = frozen_grid(unwrapped(encoder))
        self._has_frozen_stages = frozen is not None
        if settings.masked_views == 2 and settings.mask.share:
            is_frozen = settings.mask.place == "frozen"
            check_map(settings.mask, *(_check_frozen_grid(frozen) if is_frozen else _maskable_grid(encoder)))
        dimension = encoder.channels
        hidden = settings.predictor_hidden
        head = predictor(dimension, hidden) if hidden else nn.Identity()
        if isinstance(head, nn.Sequential) and settings.predictor_start == "identity":
            head = ResidualHead(head)
        self._predictor = head.to(device)
        use_group_norms(self._predictor, encoder.norm_group)
        predicts_regions = settings.region_weight and settings.mask.share
        self._region = RegionPrediction(settings.mask, encoder, device) if predicts_regions else None
        self._classifier: Classifier | None = None

    def networks(self) -> list[nn.Module]:
        """The prediction heads."""
        return [self._predictor] if self._region is None else [self._predictor, self._region.head]

    def extractor(self) -> Encoder:
        """Student or teacher, by `cluster_with`."""
        is_teacher = self._settings.cluster_with == "teacher"
        return self._blend.extractor(self._teacher.encoder if is_teacher else self.context.encoder)

    def encoders(self) -> list[Encoder]:
        """Student and teacher."""
        return [self.context.encoder, self._teacher.encoder]

    def begin_training(self) -> None:
        """Copy the student to the teacher, including its BNNeck statistics."""
        self._teacher.copy_from(self.context.encoder)

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster, initialize centroids or classifier at the clusters' mean directions, and sample PK batches."""
        plan = super().begin_round(features, iterations)
        if self._settings.classes == "classifier":
            self._classifier = Classifier(self.memory.vectors, self._settings.classifier_rate)
        return plan

    def losses(self, batch: Batch) -> Step:
        """`clusters`, and where enabled `inter_camera`, `extension`, `neighbors`, `visual`, `temporal`, `region`."""
        settings, encoder = self._settings, self.context.encoder
        frozen = frozen_output(encoder, batch.images) if self._has_frozen_stages else None
        frozen_masks = self._frozen_masks(encoder, frozen) if frozen is not None else []
        # the teacher runs first, before the student's maps fill the CPU cache
        teacher_maps, whole_maps = self._teacher_views(batch.images, frozen, frozen_masks)
        maps = self._views(encoder, batch.images, frozen, frozen_masks)
        masks = self._masks(encoder, maps)
        vectors = _vectors(encoder, maps, masks)
        count = len(vectors[0])
        rows, labels, cameras = batch.rows[:count], batch.labels[:count], batch.cameras[:count]
        directions = [unit(view) for view in vectors]
        terms = {"clusters": torch.stack([self._clusters(view, labels, rows) for view in directions]).mean()}
        terms |= _mean_terms([self._cameras.terms(view, labels, cameras) for view in directions])
        terms |= _mean_terms([self.extension_terms(view, labels) for view in directions])
        terms |= _mean_terms([self._neighbors.terms(view, rows) for view in directions])
        predicts = settings.visual_weight or settings.temporal_weight
        predictions = [self._predictor(view) for view in vectors] if predicts else []
        if settings.visual_weight and len(vectors) == 2:
            visual = _cross_consistency(predictions, vectors, settings.stop_gradient)
            terms["visual"] = settings.visual_weight * visual
        if settings.temporal_weight:
            targets = self._teacher_vectors(teacher_maps, masks)
            temporal = _cross_consistency(predictions, targets, True)
            terms["temporal"] = settings.temporal_weight * temporal
        drawn = [kept for kept in frozen_masks or masks if kept is not None]
        if self._region is not None and drawn:
            cells = [encoder.cells(view) for view in maps]
            targets = [encoder.cells(view) for view in whole_maps or maps]
            terms["region"] = settings.region_weight * self._region.loss(cells, targets, drawn)
        mean = unit(torch.stack([view.detach() for view in directions]).sum(dim=0))
        return Step(terms, mean, labels, {"cameras": cameras, "rows": rows})

    def after_step(self, step: Step) -> None:
        """Update centroids (or the classifier), proxies and the teacher; centroids use the mean of both views."""
        if self._classifier is not None:
            self._classifier.step()
        else:
            self.memory.update(step.features, step.labels)
        self._cameras.after_step(step.features, step.labels, step.extra["cameras"])
        self._neighbors.after_step(step.features, step.extra["rows"])
        self._teacher.update(self.context.encoder)
        self._steps += 1

    def state(self) -> dict[str, Tensor]:
        """Teacher, prediction heads, number of steps done, and the state of the camera-aware extensions."""
        heads = {
            f"{name}.{key}": value
            for name, head in zip(("predictor", "region"), self.networks(), strict=False)
            for key, value in head.state_dict().items()
        }
        teacher = {f"teacher.{key}": value for key, value in self._teacher.state().items()}
        return {**super().state(), **teacher, **heads, "steps": torch.tensor(self._steps)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load a `state`."""
        super().restore(state)
        self._steps = int(state["steps"])
        self._teacher.restore(_with_prefix("teacher.", state))
        self._predictor.load_state_dict(_with_prefix("predictor.", state))
        if self._region is not None:
            self._region.head.load_state_dict(_with_prefix("region.", state))

    def _clusters(
        self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"], rows: Int64[Tensor, " b"]
    ) -> Float[Tensor, ""]:
        settings = self._settings
        if self._classifier is not None:
            loss = self.cross_entropy(self._classifier.logits(features, settings.temperature), labels, rows)
        else:
            loss = self.contrast(features, labels, rows)
        if settings.triplet_weight:
            loss = loss + settings.triplet_weight * batch_hard_triplet(features, labels, "soft")
        return loss

    def _views(
        self, encoder: Encoder, images: Tensor, frozen: Tensor | None, frozen_masks: list[Mask]
    ) -> list[Tensor]:
        """The feature map of each view: one map twice, maps of two augmentations, or of two masks of frozen stages."""
        settings = self._settings
        if frozen is not None and frozen_masks:
            split = encoder.shard.split
            own = slice(None) if split is None else split.own
            return [maps_from_frozen(encoder, images, apply_mask(frozen, kept[own])) for kept in frozen_masks]
        maps = encoder.maps(images) if frozen is None else maps_from_frozen(encoder, images, frozen)
        return list(maps.chunk(2)) if settings.augmentations == 2 else [maps] * settings.masked_views

    def _masks(self, encoder: Encoder, maps: list[Tensor]) -> list[Mask | None]:
        """A mask of each view's map; None with one view, at a rate of 0, or if frozen stages are masked instead."""
        if self._settings.mask.place == "frozen" or not self._rate():
            return [None] * len(maps)
        return [*self._draw([encoder.cells(view) for view in maps])]

    def _frozen_masks(self, encoder: Encoder, frozen: Tensor) -> list[Mask]:
        """Two masks of the output of frozen stages, for the whole batch even if processes share it."""
        if self._settings.mask.place != "frozen" or not self._rate():
            return []
        response = encoder.shard.gather(frozen.abs().mean(dim=1, keepdim=True))
        return self._draw([response, response])

    def _rate(self) -> float:
        """The mask rate of this step, 0 to 1; 0 with one view."""
        settings = self._settings
        return settings.mask.rate(self._steps / self.context.steps) if settings.masked_views == 2 else 0.0

    def _draw(self, cells: list[Tensor]) -> list[Mask]:
        """Draw the masks of this step."""
        seed = self.context.generator.initial_seed() * _SEEDS + self._steps
        generator = Generator().manual_seed(seed % _SEED_LIMIT)
        return [draw_masks(view, self._settings.mask, self._rate(), generator) for view in cells]

    @torch.no_grad()
    def _teacher_views(
        self, images: Tensor, frozen: Tensor | None, frozen_masks: list[Mask]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The teacher's maps: of each view, for `temporal`, and the unmasked ones, for `region`; empty if not used.

        The output of frozen stages is shared with the student. Both are the same maps of one pass, unless the views are
        of masked frozen stages.
        """
        settings, teacher = self._settings, self._teacher.encoder
        applied = frozen_masks if settings.teacher_mask == "same" else []
        views = self._views(teacher, images, frozen, applied) if settings.temporal_weight else []
        if self._region is None or settings.region_target == "student" or not self._rate():
            return views, []
        is_shared = bool(views) and not applied
        return views, views if is_shared else self._views(teacher, images, frozen, [])

    @torch.no_grad()
    def _teacher_vectors(self, maps: list[Tensor], masks: list[Mask | None]) -> list[Float[Tensor, "b d"]]:
        """The teacher's vectors of the same views, or of unmasked maps."""
        applied = masks if self._settings.teacher_mask == "same" else [None] * len(masks)
        return _vectors(self._teacher.encoder, maps, applied)


def _maskable_grid(encoder: Encoder) -> tuple[int, int]:
    """Rows and columns of the feature map; an error if it cannot be masked."""
    pooling = encoder.pooling
    if isinstance(pooling, TokenPooling) and not pooling.average:
        raise SettingsError(
            "model.pooling: masks of patches do not affect the class token, which attends to all; use 'average'"
        )
    if encoder.grid is None:
        raise SettingsError(
            "model.backbone: the patches of this transformer do not form a grid, so they cannot be masked; use another"
        )
    return encoder.grid


def _check_frozen_grid(grid: tuple[int, int] | None) -> tuple[int, int]:
    """Rows and columns of the output of frozen stages; an error if there are none."""
    if grid is None:
        raise SettingsError(
            "method.mask.place: 'frozen' masks the output of frozen stages, and this trunk has none that can be run "
            "separately; set model.frozen_stages above 0 and leave out train.compile, or use 'map'"
        )
    return grid


def _vectors(encoder: Encoder, maps: list[Tensor], masks: list[Mask | None]) -> list[Float[Tensor, "b d"]]:
    """Vectors of the views after the BNNeck, not normalized; views of the same map share its lifted map."""
    pooling = encoder.pooling
    lifted = {id(view): pooling.lift(view) for view in {id(view): view for view in maps}.values()}
    pairs = zip(maps, masks, strict=True)
    return [encoder.neck(pooling.gather(lifted[id(view)], kept)).float() for view, kept in pairs]


def _mean_terms(per_view: list[dict[str, Float[Tensor, ""]]]) -> dict[str, Float[Tensor, ""]]:
    """Each loss term as the mean over the views."""
    return {name: torch.stack([terms[name] for terms in per_view]).mean() for name in per_view[0]}


def _cross_consistency(
    predictions: list[Tensor], targets: list[Tensor], stop_gradient: bool
) -> Float[Tensor, ""]:
    """Each view's prediction against the other view's target; with one view, against its own."""
    pairs = zip(predictions, reversed(targets), strict=True)
    return torch.stack([consistency(one, other, stop_gradient) for one, other in pairs]).mean()


def _with_prefix(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
