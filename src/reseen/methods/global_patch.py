r"""Global-level and patch-level discriminative feature learning: whole images and patches, with a shared trunk.

Memory banks hold one row per image, and one row per image and patch. The loss is the sum of three terms:

- global: pulls each image to its own row and those of its credible neighbors, weighted by similarity;
- patches: pulls each patch to the nearest rows of the same patch, and pushes it from all others;
- images: pulls the concatenated patches of an image to the image's center, which is updated by its surrogate view too,
  and pushes them from the nearest center that is a true negative.

References: our reconstruction from the abstract of the joint method (global similarity loss with patch losses); patch
losses of Yang et al., CVPR 2019; memory bank of Wang and Zhang, CVPR 2020. As in these, the losses use the global bank
before its update, and the banks of patches and centers after it.
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

_FEW_WITH_NEIGHBORS = 0.2
"""Fraction of images with credible neighbors below which the log recommends other settings."""


class GlobalPatch(AbstractMethod):
    """Trains features of whole images and of patches with memory banks of both."""

    trains_on_outliers = True
    takes_patches = True
    takes_kept_views = True
    step_time_grows = True
    needs_patches = True

    def __init__(self, settings: GlobalPatchSettings, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)
        self.trains_on_clusters = settings.branch == "clusters"
        self.stricter_steps = settings.clusters.clustering.stricter_steps if self.trains_on_clusters else 0
        image = settings.image_patches
        self.views = settings.views
        patches = context.encoder.patches
        assert patches is not None  # `needs_patches`
        self._shape = (patches.count, patches.dimension)
        projection = Projection(*self._shape, image.dimension, image.learn_projection)
        self._projection = projection.to(context.device)
        self._banks = MemoryBanks(context.device, context.run_on_main)
        self._centroids: CentroidMemory | None = None
        self._cameras = CameraContrast(settings.clusters.camera_contrast, context)
        self._neighbors: Int64[Tensor, "n k"] | None = None
        self._steps = 0

    def networks(self) -> list[nn.Module]:
        """The projection, if it is trained."""
        return [self._projection] if self._settings.image_patches.learn_projection else []

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Fill the memory banks, find credible neighbors or clusters, and sample batches."""
        settings, context = self._settings, self.context
        whole, parts = self._blocks(features.vectors)
        if settings.refill or not self._banks.by_name:
            self._fill(whole, parts)
        if settings.branch == "clusters":
            centered = self._centered(Features(whole))
            clustering = self._cluster(centered)
            if settings.uses_credible_neighbors:
                neighbors = self._credible(centered, clustering.labels.labels)
                self._neighbors = to_index_tensor(neighbors).to(context.device)
            labels = to_index_tensor(clustering.labels.labels)
            self._centroids = CentroidMemory(
                whole.to(context.device), labels.to(context.device), settings.clusters.memory
            )
            self._cameras.begin_round(whole, clustering.labels)
            sampler = PkSampler(clustering.labels, settings.sampler, context.generator, context.cameras)
        else:
            assert self._banks.whole is not None  # the bank branch fills it
            clustering = self._find_neighbors(self._centered(Features(self._banks.whole.vectors.cpu())))
            singletons = PseudoLabels(np.arange(len(features)))
            sampler = PkSampler(singletons, settings.sampler, context.generator)
        if self._banks.note:
            clustering = replace(clustering, notes=(*clustering.notes, self._banks.note))
        return Round(clustering, sampler.batches(iterations))

    def recluster(self, features: Features) -> Clustering:
        """Cluster the part of the features that describes whole images; the memory banks are not used."""
        encoder, vectors = self.context.encoder, features.vectors
        whole = Features(unit(vectors if encoder.part == "patch" else vectors[:, : encoder.channels]))
        centered = self._centered(whole)
        return self._cluster(centered) if self._settings.branch == "clusters" else self._displayed(centered)

    def losses(self, batch: Batch) -> Step:
        """Up to four terms: `global`, `inter_camera`, `patches` and `images`."""
        settings, encoder = self._settings, self.context.encoder
        count = len(batch.rows) // self.views
        rows, labels, cameras = batch.rows[:count], batch.labels[:count], batch.cameras[:count]
        maps = encoder.trunk_maps(batch.images)
        terms: dict[str, Tensor] = {}
        vectors = encoder.embed(maps.last if settings.global_views == "all" else maps.last[:count])
        if settings.global_weight:
            repeated = len(vectors) // count
            terms["global"] = settings.global_weight * self._global(
                vectors, rows.repeat(repeated), labels.repeat(repeated)
            )
            camera_terms = self._cameras.terms(vectors, labels.repeat(repeated), cameras.repeat(repeated))
            terms |= {name: settings.global_weight * term for name, term in camera_terms.items()}
        patches = encoder.embed_patches(maps.patches)
        extra = {"rows": rows, "cameras": cameras, "patches": patches[:count].detach()}
        if settings.discrimination.weight:
            terms["patches"] = settings.discrimination.weight * self._patches(patches[:count], rows)
        if settings.image_patches.weight:
            embeddings = self._projection(patches)
            mean = embeddings.detach().unflatten(0, (self.views, count)).mean(dim=0)
            extra["centers"] = mean
            groups = labels if settings.branch == "clusters" else None
            terms["images"] = settings.image_patches.weight * self._images(embeddings, mean, rows, groups)
        return Step(terms, vectors[:count].detach(), labels, extra)

    def after_step(self, step: Step) -> None:
        """Update centroids, proxies and the banks' rows of the batch's images."""
        settings, rows = self._settings, step.extra["rows"]
        values = {"whole": step.features, **step.extra}
        momentum = {
            "whole": self._momentum(),
            "patches": settings.discrimination.momentum,
            "centers": settings.image_patches.momentum,
        }
        self._banks.update(values, rows, momentum)
        if self._centroids is not None:
            self._centroids.update(step.features, step.labels)
            self._cameras.after_step(step.features, step.labels, step.extra["cameras"])
        self._steps += 1

    def state(self) -> dict[str, Tensor]:
        """Memory banks, projection, number of steps done, and the state of the camera-aware extensions."""
        return {
            **self._cameras.state(),
            **self._banks.state(),
            "projection": self._projection.weight,
            "steps": torch.tensor(self._steps),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load a `state`."""
        self._cameras.restore(state)
        self._steps = int(state["steps"])
        self._projection.load_state_dict({"weight": state["projection"]})
        self._banks.restore(state)

    def _blocks(self, vectors: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n p e"]]:
        """Vectors of whole images and of p patches, split from the encoder's output and normalized."""
        whole, parts = vectors.split([self.context.encoder.channels, self._shape[0] * self._shape[1]], dim=1)
        return unit(whole), unit(parts.unflatten(1, self._shape))

    @torch.no_grad()
    def _fill(self, whole: Float[Tensor, "n d"], parts: Float[Tensor, "n p e"]) -> None:
        settings, values = self._settings, {}
        if settings.branch == "bank":  # even at a weight of 0: the round's neighbors come from it
            values["whole"] = whole
        if settings.discrimination.weight:
            values["patches"] = parts
        if settings.image_patches.weight:
            weight = self._projection.weight
            projected = [self._projection(part.to(weight)).cpu() for part in parts.split(4096)]
            values["centers"] = torch.cat(projected)
        self._banks.fill(values)

    def _cluster(self, features: Features) -> Clustering:
        clustering, context = self._settings.clusters.clustering, self.context.clustering(self.strictness)
        return self.apply_constraints(features, lambda: clustering.cluster(features, context))

    def _centered(self, features: Features) -> Features:
        cameras = self.context.cameras
        enabled = self._settings.center_cameras and cameras is not None
        return center_cameras(features, cameras) if enabled else features

    def _displayed(self, features: Features) -> Clustering:
        """Clusters for display; the losses use them only if they are the source of credible neighbors."""
        settings, context = self._settings, self.context
        if settings.neighbors_from_clusters:
            clustering = settings.credible_clustering
            return self.apply_constraints(
                features, lambda: prune(features, clustering.cluster(features, context.clustering()))
            )
        return self.apply_constraints(features, lambda: display_clusters(features, settings, context))

    def _find_neighbors(self, features: Features) -> Clustering:
        """Find the credible neighbors of the round; returns clusters for display."""
        displayed, constraints = self._displayed(features), self.context.constraints
        clusters = displayed.labels.labels if self._settings.neighbors_from_clusters else None
        neighbors = self._credible(features, clusters)
        share, count = (neighbors >= 0).any(axis=1).mean(), (neighbors >= 0).sum(axis=1).mean()
        note = f"{share:.0%} of the images have credible neighbors, {count:.1f} on average"
        if share < _FEW_WITH_NEIGHBORS:
            note += "; few positives to train on: lower method.credible.threshold, or use method.credible.source shared"
        if constraints is not None:
            groups = self.context.run_on_main(
                lambda: constrain(features, PseudoLabels(credible_groups(neighbors)), constraints)[0]
            )
            neighbors = constrain_neighbors(neighbors, groups.labels, constraints.must)
        self._neighbors = to_index_tensor(neighbors).to(self.context.device)
        return replace(displayed, notes=(*displayed.notes, note))

    def _credible(
        self, features: Features, clusters: Int64[np.ndarray, " n"] | None
    ) -> Int64[np.ndarray, "n k"]:
        settings, device = self._settings.credible, self.context.device.type
        return self.context.run_on_main(lambda: credible_neighbors(features, settings, device, clusters))

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
        neighbors = self._neighbors_of(rows)
        neighbors = rows.new_empty(len(rows), 0) if neighbors is None else neighbors
        assert self._banks.whole is not None  # begin_round
        return global_similarity(vectors, rows, self._banks.whole.vectors, neighbors, settings.loss)

    def _neighbors_of(self, rows: Int64[Tensor, " b"]) -> Int64[Tensor, "b k"] | None:
        """Credible neighbors of these images; None during the warm-up."""
        assert self._neighbors is not None  # set by begin_round
        is_warmup = self._steps < self._settings.warmup * self.context.steps
        return None if is_warmup else self._neighbors[rows]

    def _patches(self, patches: Float[Tensor, "b p e"], rows: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
        settings, bank = self._settings.discrimination, self._banks.patches
        assert bank is not None  # begin_round
        changed, fresh = bank.preview(patches, rows, settings.momentum)
        positives = self._neighbors_of(rows) if settings.pull_to == "credible" else None
        vectors, squares = bank.vectors, bank.squares
        losses = [
            patch_discrimination(
                patches[:, patch],
                rows,
                PatchMemory(vectors[:, patch], changed, fresh[:, patch], squares[:, patch]),
                settings.neighbors,
                settings.scale,
                positives,
            )
            for patch in range(self._shape[0])
        ]
        return torch.stack(losses).mean()

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
        own_center = torch.searchsorted(changed, rows.to(changed.device)).to(embeddings.device)
        groups = (
            None
            if labels is None
            else torch.empty_like(labels[: len(changed)]).scatter_(0, own_center, labels)
        )
        return image_patches(
            embeddings,
            own_center.repeat(self.views),
            centers.to(embeddings),
            settings.margin,
            settings.reach,
            settings.nearest,
            groups,
        )

    def _momentum(self) -> float:
        settings = self._settings
        return settings.momentum * (self._steps / self.context.steps if settings.ramp else 1.0)
