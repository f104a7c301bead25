r"""Simultaneous clustering and mask prediction: two masked views of a feature map predict each other and a teacher.

Each round: features -> clusters -> PK batches. Of each crop's feature map two views are made that see different cells.
With vectors $z_k$ of the views, predictions $p_k$ from them, the momentum teacher's vectors $t_k$ and
$D(p, z) = 2 - 2 \cos(p, z)$, where no gradient reaches z, three terms are learned together:

- clusters: both views are pulled to the centroid of the crop's cluster and pushed from all others;
- visual consistency: $\frac{1}{2} (D(p_1, z_2) + D(p_2, z_1))$, between the views of the still image;
- temporal consistency: $\frac{1}{2} (D(p_1, t_2) + D(p_2, t_1))$, between student and average.

Reference: after the abstract of Yin et al., "Unsupervised person re-identification via simultaneous clustering and mask
prediction", Pattern Recognition 126, 2022, in our reconstruction; the loop is that of Dai et al., ACCV 2022.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int64
from torch import Generator, Tensor, nn

from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.losses import (
    batch_hard_triplet,
    consistency,
    masked_reconstruction,
    weighted_cross_entropy,
)
from reseen.memory import Classifier
from reseen.methods.base import MethodContext, Round, Step
from reseen.methods.cluster_contrast import CentroidContrast
from reseen.methods.maskpre_settings import MaskPreSettings
from reseen.models import Encoder
from reseen.models.ema import MomentumTeacher, ResidualHead, predictor, unwrapped
from reseen.models.frozen_stages import apply_mask, frozen_grid, frozen_output, maps_from_frozen
from reseen.models.masking import check_map, draw_masks
from reseen.models.norm import use_group_norms
from reseen.models.pooling import TokenPooling
from reseen.records import Batch, Features

Mask = Bool[Tensor, "b c y x"]

_SEEDS = 1_000_003
"""Masks of step t are drawn from seed * this + t, so that losses change nothing and a resumed run draws the same."""
_LARGEST = 1 << 63
"""Seeds of a generator stay below this."""


class MaskPre(CentroidContrast):
    """Cluster, and predict what a mask hides."""

    def __init__(self, settings: MaskPreSettings, context: MethodContext) -> None:
        super().__init__(settings, context)
        self.views = settings.views
        self.scored = "teacher.encoder." if settings.score_with == "teacher" else ""
        encoder, device = context.encoder, context.device
        self._teacher = MomentumTeacher(encoder, settings.teacher)
        frozen = frozen_grid(unwrapped(encoder))
        self._shares_stages = frozen is not None
        if settings.masked_views == 2 and settings.mask.share:
            deep = settings.mask.place == "frozen"
            check_map(settings.mask, *(_frozen(frozen) if deep else _grid(encoder)))
        dimension = encoder.channels
        hidden = settings.predictor_hidden
        head = predictor(dimension, hidden) if hidden else nn.Identity()
        if isinstance(head, nn.Sequential) and settings.predictor_start == "identity":
            head = ResidualHead(head)
        self._predictor = head.to(device)
        use_group_norms(self._predictor, encoder.norm_group)
        self._region = (
            nn.Conv2d(dimension, dimension, 3, padding=1).to(device) if settings.region_weight else None
        )
        self._classifier: Classifier | None = None
        self._steps = 0

    def networks(self) -> list[nn.Module]:
        """The prediction heads."""
        return [self._predictor] if self._region is None else [self._predictor, self._region]

    def extractor(self) -> Encoder:
        """Student or teacher."""
        return self._teacher.encoder if self._settings.cluster_with == "teacher" else self.context.encoder

    def encoders(self) -> list[Encoder]:
        """Student and teacher."""
        return [self.context.encoder, self._teacher.encoder]

    def begin(self) -> None:
        """The teacher begins as the student, whose neck has settled since."""
        self._teacher.copy_from(self.context.encoder)

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster, start centroids or classifier at the clusters' mean directions, and sample PK batches."""
        plan = super().begin_round(features, iterations)
        if self._settings.classes == "classifier":
            self._classifier = Classifier(self.memory.vectors, self._settings.classifier_rate)
        return plan

    def losses(self, batch: Batch) -> Step:
        """Up to four terms: clusters, visual and temporal consistency, and the masked cells."""
        settings, encoder = self._settings, self.context.encoder
        frozen = frozen_output(encoder, batch.images) if self._shares_stages else None
        deep = self._deep_masks(encoder, frozen) if frozen is not None else []
        # the teacher goes first, while the student's maps do not fill the cache yet
        taught = self._teacher_views(batch.images, frozen, deep) if settings.temporal_weight else []
        maps = self._views(encoder, batch.images, frozen, deep)
        masks = self._masks(encoder, maps)
        vectors = _vectors(encoder, maps, masks)
        labels, cameras = batch.labels[: len(vectors[0])], batch.cameras[: len(vectors[0])]
        directions = [unit(view) for view in vectors]
        terms = {"clusters": torch.stack([self._clusters(view, labels) for view in directions]).mean()}
        terms |= self._between_cameras(directions, labels, cameras)
        guessed = settings.visual_weight or settings.temporal_weight
        predictions = [self._predictor(view) for view in vectors] if guessed else []
        if settings.visual_weight and len(vectors) == 2:
            apart = _crossed(predictions, vectors, settings.stop_gradient)
            terms["visual"] = settings.visual_weight * apart
        if settings.temporal_weight:
            apart = _crossed(predictions, self._taught(taught, masks), True)
            terms["temporal"] = settings.temporal_weight * apart
        if self._region is not None and masks[0] is not None:
            terms["region"] = settings.region_weight * self._regions(encoder, maps, masks)
        mean = unit(torch.stack([view.detach() for view in directions]).sum(dim=0))
        return Step(terms, mean, labels, {"cameras": cameras})

    def after_step(self, step: Step) -> None:
        """Move centroids (or the classifier) and proxies towards the mean of both views, and the teacher along."""
        if self._classifier is not None:
            self._classifier.step()
        else:
            self.memory.update(step.features, step.labels)
        self._cameras.after_step(step.features, step.labels, step.remembered["cameras"])
        self._teacher.update(self.context.encoder)
        self._steps += 1

    def state(self) -> dict[str, Tensor]:
        """Teacher, prediction heads, the steps done, and what cameras add."""
        heads = {
            f"{name}.{key}": value
            for name, head in (("predictor", self._predictor), ("region", self._region))
            if head is not None
            for key, value in head.state_dict().items()
        }
        teacher = {f"teacher.{key}": value for key, value in self._teacher.state().items()}
        return {**super().state(), **teacher, **heads, "steps": torch.tensor(self._steps)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from teacher, heads, steps and what cameras add."""
        super().restore(state)
        self._steps = int(state["steps"])
        self._teacher.restore(_under("teacher.", state))
        self._predictor.load_state_dict(_under("predictor.", state))
        if self._region is not None:
            self._region.load_state_dict(_under("region.", state))

    def _clusters(self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
        settings = self._settings
        if self._classifier is not None:
            logits = self._classifier.logits(features, settings.temperature)
            weights, excluded = self._cameras.weights(labels), self._cameras.excluded(labels)
            loss = weighted_cross_entropy(logits, labels, weights, excluded)
        else:
            loss = self.contrast(features, labels)
        if settings.triplet_weight:
            loss = loss + settings.triplet_weight * batch_hard_triplet(features, labels, "soft")
        return loss

    def _between_cameras(
        self, views: list[Float[Tensor, "b d"]], labels: Int64[Tensor, " b"], cameras: Int64[Tensor, " b"]
    ) -> dict[str, Float[Tensor, ""]]:
        """The mean over the views of each term that cameras add."""
        of_views = [self._cameras.terms(view, labels, cameras) for view in views]
        return {name: torch.stack([terms[name] for terms in of_views]).mean() for name in of_views[0]}

    def _views(
        self, encoder: Encoder, images: Tensor, frozen: Tensor | None, deep: list[Mask]
    ) -> list[Tensor]:
        """The map of each view: the same twice, two augmentations', or what comes of two masks of frozen stages."""
        settings = self._settings
        if frozen is not None and deep:
            split = encoder.shard.split
            own = slice(None) if split is None else split.own
            return [maps_from_frozen(encoder, images, apply_mask(frozen, kept[own])) for kept in deep]
        maps = encoder.maps(images) if frozen is None else maps_from_frozen(encoder, images, frozen)
        return list(maps.chunk(2)) if settings.augmentations == 2 else [maps] * settings.masked_views

    def _masks(self, encoder: Encoder, maps: list[Tensor]) -> list[Mask | None]:
        """A mask for each view's map; none where there is one view, the rate is still 0, or masks lie deeper."""
        if self._settings.mask.place == "frozen" or not self._rate():
            return [None] * len(maps)
        return [*self._drawn([encoder.cells(view) for view in maps])]

    def _deep_masks(self, encoder: Encoder, frozen: Tensor) -> list[Mask]:
        """Two masks of what the frozen stages give, for the whole batch where processes share it."""
        if self._settings.mask.place != "frozen" or not self._rate():
            return []
        response = encoder.shard.gather(frozen.abs().mean(dim=1, keepdim=True))
        return self._drawn([response, response])

    def _rate(self) -> float:
        """The rate of this step's masks; 0 where there is one view."""
        settings = self._settings
        return settings.mask.rate(self._steps / self.context.steps) if settings.masked_views == 2 else 0.0

    def _drawn(self, cells: list[Tensor]) -> list[Mask]:
        """This step's masks."""
        seed = self.context.generator.initial_seed() * _SEEDS + self._steps
        generator = Generator().manual_seed(seed % _LARGEST)
        return [draw_masks(view, self._settings.mask, self._rate(), generator) for view in cells]

    @torch.no_grad()
    def _teacher_views(self, images: Tensor, frozen: Tensor | None, deep: list[Mask]) -> list[Tensor]:
        """The teacher's map of each view; what frozen stages made of the images is not computed again."""
        seen = deep if self._settings.teacher_mask == "same" else []
        return self._views(self._teacher.encoder, images, frozen, seen)

    @torch.no_grad()
    def _taught(self, maps: list[Tensor], masks: list[Mask | None]) -> list[Float[Tensor, "b d"]]:
        """The teacher's vectors of the same views, or of whole maps."""
        seen = masks if self._settings.teacher_mask == "same" else [None] * len(masks)
        return _vectors(self._teacher.encoder, maps, seen)

    def _regions(self, encoder: Encoder, maps: list[Tensor], masks: list[Mask | None]) -> Float[Tensor, ""]:
        """How far the hidden cells are from what the region head makes of the others."""
        assert self._region is not None
        apart = []
        for view, kept in zip(maps, masks, strict=True):
            assert kept is not None
            cells = encoder.cells(view).float()
            apart.append(masked_reconstruction(self._region(cells * kept), cells, kept))
        return torch.stack(apart).mean()


def _grid(encoder: Encoder) -> tuple[int, int]:
    """Rows and columns of what can be masked; an error says what cannot."""
    pooling = encoder.pooling
    if isinstance(pooling, TokenPooling) and not pooling.average:
        raise SettingsError("model.pooling: masks hide patches, but the class token sees all; use 'average'")
    if encoder.grid is None:
        raise SettingsError(
            "model.backbone: the patches of this transformer are no grid that could be masked; take another"
        )
    return encoder.grid


def _frozen(grid: tuple[int, int] | None) -> tuple[int, int]:
    """Rows and columns of what frozen stages give; an error says why there are none."""
    if grid is None:
        raise SettingsError(
            "method.mask.place: 'frozen' masks what frozen stages give, and this trunk has no such stages that the "
            "others follow from; set model.frozen_stages above 0 and leave train.compile out, or take 'map'"
        )
    return grid


def _vectors(encoder: Encoder, maps: list[Tensor], masks: list[Mask | None]) -> list[Float[Tensor, "b d"]]:
    """Vectors of views after the neck, not of unit length yet; views of one map share what they can."""
    pooling = encoder.pooling
    lifted = {id(view): pooling.lift(view) for view in {id(view): view for view in maps}.values()}
    pairs = zip(maps, masks, strict=True)
    return [encoder.neck(pooling.gather(lifted[id(view)], kept)).float() for view, kept in pairs]


def _crossed(predictions: list[Tensor], targets: list[Tensor], stop_gradient: bool) -> Float[Tensor, ""]:
    """Each view's prediction against the other view's target; against its own where there is one view."""
    pairs = zip(predictions, reversed(targets), strict=True)
    return torch.stack([consistency(one, other, stop_gradient) for one, other in pairs]).mean()


def _under(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
