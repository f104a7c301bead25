r"""Global-level and patch-level discriminative feature learning: one trunk, whole images and parts side by side.

A bank keeps one row per image for the whole, and one per image and patch. Three terms are learned together:

- global: each image is pulled to its own row and those of its credible neighbors, by similarity;
- patches: each patch is pulled to the nearest rows of the same patch and pushed from all others;
- images: all patches of an image together are pulled to the image's center, which its surrogate view moves too, and
  pushed from the nearest center that is a true negative.

Reference: after the abstract of the joint method (global similarity loss beside the patch losses), in our
reconstruction; patch losses of Yang et al., CVPR 2019; the bank of Wang and Zhang, CVPR 2020. The global bank is read
before it is updated, those of patches and centers after, as in these.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from reseen.cluster import Clustering, center_cameras, constrain, prune
from reseen.data.sampler import PkSampler
from reseen.geometry import unit
from reseen.losses import (
    PatchMemory,
    cluster_contrast,
    global_similarity,
    image_patches,
    patch_discrimination,
)
from reseen.memory import CentroidMemory, MemoryBanks
from reseen.methods.base import AbstractMethod, MethodContext, Round, Step
from reseen.methods.camera_contrast import CameraContrast
from reseen.methods.clustered import display_clusters
from reseen.methods.global_patch_settings import GlobalPatchSettings
from reseen.models.patches import Projection
from reseen.neighbors import constrain_neighbors, credible_groups, credible_neighbors
from reseen.records import Batch, Features, PseudoLabels, to_index_tensor

_FEW = 0.2
"""Share of images with credible neighbors below which the log says what helps."""


class GlobalPatch(AbstractMethod):
    """Learn whole images and patches from memories of both."""

    learns_outliers = True
    takes_patches = True
    steps_grow = True
    needs_patches = True

    def __init__(self, settings: GlobalPatchSettings, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)
        self.learns_clusters = settings.branch == "clusters"
        self.stricter_steps = settings.clusters.clustering.stricter_steps if self.learns_clusters else 0
        image = settings.image_patches
        self.views = settings.views
        patches = context.encoder.patches
        assert patches is not None  # `needs_patches`
        self._shape = (patches.count, patches.dimension)
        self._projection = Projection(*self._shape, image.dimension, image.learn_projection).to(
            context.device
        )
        self._banks = MemoryBanks(context.device, context.once)
        self._centroids: CentroidMemory | None = None
        self._cameras = CameraContrast(settings.clusters.camera_contrast, context)
        self._neighbors: Int64[Tensor, "n k"] | None = None
        self._steps = 0

    def networks(self) -> list[nn.Module]:
        """The projection, where it learns."""
        return [self._projection] if self._settings.image_patches.learn_projection else []

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Fill the memories, look up credible neighbors or cluster, and choose batches."""
        settings, around = self._settings, self.context
        whole, parts = self._blocks(features.vectors)
        if settings.refill or not self._banks.by_name:
            self._fill(whole, parts)
        if settings.branch == "clusters":
            centered = self._centered(Features(whole))
            clustering = self._cluster(centered)
            if settings.believes:
                believed = self._credible(centered, clustering.labels.labels)
                self._neighbors = to_index_tensor(believed).to(around.device)
            labels = to_index_tensor(clustering.labels.labels)
            self._centroids = CentroidMemory(
                whole.to(around.device), labels.to(around.device), settings.clusters.memory
            )
            self._cameras.begin_round(whole, clustering.labels)
            sampler = PkSampler(clustering.labels, settings.sampler, around.generator, around.cameras)
        else:
            assert self._banks.whole is not None  # the bank's branch
            clustering = self._look_up(self._centered(Features(self._banks.whole.vectors.cpu())))
            alone = PseudoLabels(np.arange(len(features)))
            sampler = PkSampler(alone, settings.sampler, around.generator)
        if self._banks.note:
            clustering = replace(clustering, notes=(*clustering.notes, self._banks.note))
        return Round(clustering, sampler.batches(iterations))

    def recluster(self, features: Features) -> Clustering:
        """Of the block of whole images, where the features have one, whatever the memories hold."""
        encoder, vectors = self.context.encoder, features.vectors
        whole = Features(unit(vectors if encoder.part == "patch" else vectors[:, : encoder.channels]))
        centered = self._centered(whole)
        return self._cluster(centered) if self._settings.branch == "clusters" else self._shown(centered)

    def losses(self, batch: Batch) -> Step:
        """Up to four terms: global, that between cameras, patches and images."""
        settings, encoder = self._settings, self.context.encoder
        count = len(batch.rows) // self.views
        rows, labels, cameras = batch.rows[:count], batch.labels[:count], batch.cameras[:count]
        maps = encoder.maps(batch.images)
        terms: dict[str, Tensor] = {}
        vectors = encoder.embed(maps if settings.global_views == "all" else maps[:count])
        if settings.global_weight:
            repeated = len(vectors) // count
            terms["global"] = settings.global_weight * self._global(
                vectors, rows.repeat(repeated), labels.repeat(repeated)
            )
            between = self._cameras.terms(vectors, labels.repeat(repeated), cameras.repeat(repeated))
            terms |= {name: settings.global_weight * term for name, term in between.items()}
        patches = encoder.embed_patches(maps)
        remembered = {"rows": rows, "cameras": cameras, "patches": patches[:count].detach()}
        if settings.discrimination.weight:
            terms["patches"] = settings.discrimination.weight * self._patches(patches[:count], rows)
        if settings.image_patches.weight:
            embeddings = self._projection(patches)
            mean = embeddings.detach().unflatten(0, (self.views, count)).mean(dim=0)
            remembered["centers"] = mean
            groups = labels if settings.branch == "clusters" else None
            terms["images"] = settings.image_patches.weight * self._images(embeddings, mean, rows, groups)
        return Step(terms, vectors[:count].detach(), labels, remembered)

    def after_step(self, step: Step) -> None:
        """Move the rows of the batch's images in every memory."""
        settings, rows = self._settings, step.remembered["rows"]
        remembered = {"whole": step.features, **step.remembered}
        momentum = {
            "whole": self._momentum(),
            "patches": settings.discrimination.momentum,
            "centers": settings.image_patches.momentum,
        }
        self._banks.update(remembered, rows, momentum)
        if self._centroids is not None:
            self._centroids.update(step.features, step.labels)
            self._cameras.after_step(step.features, step.labels, step.remembered["cameras"])
        self._steps += 1

    def state(self) -> dict[str, Tensor]:
        """Memories, projection, the steps done, and what cameras add."""
        return {
            **self._cameras.state(),
            **self._banks.state(),
            "projection": self._projection.weight,
            "steps": torch.tensor(self._steps),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from memories, projection, steps and what cameras add."""
        self._cameras.restore(state)
        self._steps = int(state["steps"])
        self._projection.load_state_dict({"weight": state["projection"]})
        self._banks.restore(state)

    def _blocks(self, vectors: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n p e"]]:
        """Unit vectors of whole images and of patches, from what the encoder puts together."""
        whole, parts = vectors.split([self.context.encoder.channels, self._shape[0] * self._shape[1]], dim=1)
        return unit(whole), unit(parts.unflatten(1, self._shape))

    @torch.no_grad()
    def _fill(self, whole: Float[Tensor, "n d"], parts: Float[Tensor, "n p e"]) -> None:
        settings, found = self._settings, {}
        if settings.branch == "bank":  # even at a weight of 0: the round's groups come from it
            found["whole"] = whole
        if settings.discrimination.weight:
            found["patches"] = parts
        if settings.image_patches.weight:
            weight = self._projection.weight
            projected = [self._projection(part.to(weight)).cpu() for part in parts.split(4096)]
            found["centers"] = torch.cat(projected)
        self._banks.fill(found)

    def _cluster(self, features: Features) -> Clustering:
        clustering, context = self._settings.clusters.clustering, self.context.clustering(self.strictness)
        return self.apply_constraints(features, lambda: clustering.cluster(features, context))

    def _centered(self, features: Features) -> Features:
        cameras = self.context.cameras
        wanted = self._settings.center_cameras and cameras is not None
        return center_cameras(features, cameras) if wanted else features

    def _shown(self, features: Features) -> Clustering:
        """Clusters of the bank's round, to look at; learned from only where credible neighbors come from them."""
        settings, context = self._settings, self.context
        if settings.credits_clusters:
            clustering = settings.credible_clustering
            return self.apply_constraints(
                features, lambda: prune(features, clustering.cluster(features, context.clustering()))
            )
        return self.apply_constraints(features, lambda: display_clusters(features, settings, context))

    def _look_up(self, features: Features) -> Clustering:
        """Credible neighbors of the round, and clusters to look at."""
        shown, constraints = self._shown(features), self.context.constraints
        grown = shown.labels.labels if self._settings.credits_clusters else None
        found = self._credible(features, grown)
        having = float((found >= 0).any(axis=1).mean())
        note = f"{having:.0%} of the images have credible neighbors, {(found >= 0).sum(axis=1).mean():.1f} on average"
        if having < _FEW:
            note += "; there is little to learn from: lower method.credible.threshold, or take source shared"
        if constraints is not None:
            groups = self.context.once(
                lambda: constrain(features, PseudoLabels(credible_groups(found)), constraints)[0]
            )
            found = constrain_neighbors(found, groups.labels, constraints.must)
        self._neighbors = to_index_tensor(found).to(self.context.device)
        return replace(shown, notes=(*shown.notes, note))

    def _credible(
        self, features: Features, clusters: Int64[np.ndarray, " n"] | None
    ) -> Int64[np.ndarray, "n k"]:
        settings, device = self._settings.credible, self.context.device.type
        return self.context.once(lambda: credible_neighbors(features, settings, device, clusters))

    def _global(
        self, vectors: Float[Tensor, "b d"], rows: Int64[Tensor, " b"], labels: Int64[Tensor, " b"]
    ) -> Float[Tensor, ""]:
        settings = self._settings
        if self._centroids is not None:
            return cluster_contrast(
                vectors,
                labels,
                self._centroids.vectors,
                settings.clusters.temperature,
                self._cameras.weights(labels),
                self._cameras.excluded(labels),
            )
        neighbors = self._believed(rows)
        neighbors = rows.new_empty(len(rows), 0) if neighbors is None else neighbors
        assert self._banks.whole is not None  # begin_round
        return global_similarity(vectors, rows, self._banks.whole.vectors, neighbors, settings.loss)

    def _believed(self, rows: Int64[Tensor, " b"]) -> Int64[Tensor, "b k"] | None:
        """Credible neighbors of these images; None while training warms up."""
        assert self._neighbors is not None  # begin_round
        warms_up = self._steps < self._settings.warmup * self.context.steps
        return None if warms_up else self._neighbors[rows]

    def _patches(self, patches: Float[Tensor, "b p e"], rows: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
        settings, bank = self._settings.discrimination, self._banks.patches
        assert bank is not None  # begin_round
        changed, fresh = bank.preview(patches, rows, settings.momentum)
        positives = self._believed(rows) if settings.pull_to == "credible" else None
        vectors, squares = bank.vectors, bank.squares
        each = [
            patch_discrimination(
                patches[:, at],
                rows,
                PatchMemory(vectors[:, at], changed, fresh[:, at], squares[:, at]),
                settings.neighbors,
                settings.scale,
                positives,
            )
            for at in range(self._shape[0])
        ]
        return torch.stack(each).mean()

    def _images(
        self,
        embeddings: Float[Tensor, "m d"],
        mean: Float[Tensor, "b d"],
        rows: Int64[Tensor, " b"],
        labels: Int64[Tensor, " b"] | None,
    ) -> Float[Tensor, ""]:
        settings, bank = self._settings.image_patches, self._banks.centers
        assert bank is not None  # begin_round
        changed, centers = bank.preview(mean, rows, settings.momentum)
        which = torch.searchsorted(changed, rows.to(changed.device)).to(embeddings.device)
        groups = (
            None if labels is None else torch.empty_like(labels[: len(changed)]).scatter_(0, which, labels)
        )
        return image_patches(
            embeddings,
            which.repeat(self.views),
            centers.to(embeddings),
            settings.margin,
            settings.reach,
            settings.nearest,
            groups,
        )

    def _momentum(self) -> float:
        settings = self._settings
        return settings.momentum * (self._steps / self.context.steps if settings.ramp else 1.0)
