"""Supervised training on a labeled source domain, as the starting point of unsupervised adaptation.

The only supervised method. Labels are read from the file in `data.labels`, and from nowhere else. The loss is the
cross entropy of an identity classifier plus a batch-hard triplet loss; with patches, also a classifier per patch and a
triplet loss of the concatenated patches.

References: Luo et al., "Bag of tricks and a strong baseline for deep person re-identification", 2019; for patches
Yang et al., CVPR 2019, section 4.1.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from reseen.cluster import Clustering
from reseen.conditions import Above, When
from reseen.data.sampler import PkSampler, SamplerSettings
from reseen.errors import SettingsError
from reseen.losses import batch_hard_triplet
from reseen.methods.base import AbstractMethod, MethodContext, Round, SampledMethodSettings, Step
from reseen.records import Batch, Features, PseudoLabels


class SourceSettings(SampledMethodSettings):
    """Settings of supervised training; defaults from the literature."""

    name: Literal["source"] = "source"

    sampler: SamplerSettings = SamplerSettings(images_per_cluster=4)
    """The batches: identities, and crops of each."""

    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Label smoothing: fraction of the target that is spread over all identities, 0 to 1."""

    triplet_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the triplet loss; 0 disables it."""

    margin: Annotated[Annotated[float, Field(ge=0)] | Literal["soft"], When(triplet_weight=Above(0))] = "soft"
    """Triplet margin: how much farther the hardest negative should be than the hardest positive; `soft`: soft margin
    (softplus)."""


class SupervisedSource(AbstractMethod):
    """Trains an identity classifier and a triplet loss on ground-truth labels."""

    updates_memory = False
    trains_on_clusters = False
    reclusters_features = False

    takes_patches = True
    takes_kept_views = True
    takes_labels = True

    def __init__(self, settings: SourceSettings, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)
        if context.labels is None:
            raise SettingsError(
                "data.labels: source trains with labels; give a CSV file of path and label (`reseen data labels DIR "
                "--out labels.csv` writes one for a benchmark), or use a method that needs no labels"
            )
        if context.constraints is not None:
            raise SettingsError(
                "data.constraints: source uses the labels without corrections; correct them in the file data.labels"
            )
        self._labels = PseudoLabels(context.labels)
        encoder, people = context.encoder, self._labels.cluster_count
        widths = [encoder.channels]
        if encoder.patches is not None:
            widths += [encoder.patches.dimension] * encoder.patches.count
        heads = [nn.Linear(width, people, bias=False) for width in widths]
        self._heads = nn.ModuleList(heads).to(context.device)

    def networks(self) -> list[nn.Module]:
        """The classifiers."""
        return [self._heads]

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Return the ground-truth labels, and PK batches of them."""
        context, labels = self.context, self._labels
        assert len(features) == len(labels)  # both are of the readable crops
        sampler = PkSampler(labels, self._settings.sampler, context.generator, context.cameras)
        note = f"supervised: {labels.cluster_count} people by the labels in data.labels"
        return Round(Clustering(labels, notes=(note,)), sampler.batches(iterations))

    def losses(self, batch: Batch) -> Step:
        """Identity and triplet loss of whole images, and of patches if the model has any."""
        encoder, settings = self.context.encoder, self._settings
        maps = encoder.trunk_maps(batch.images)
        whole = encoder.embed(maps.last)
        terms = {"identity": self._classification_loss(whole, batch.labels, 0)}
        vectors = {"triplet": whole}
        if encoder.patches is not None:
            patches = encoder.embed_patches(maps.patches)
            losses = [
                self._classification_loss(patches[:, place], batch.labels, 1 + place)
                for place in range(patches.shape[1])
            ]
            terms["patch_identity"] = torch.stack(losses).mean()
            vectors["patch_triplet"] = patches.flatten(1) / patches.shape[1] ** 0.5
        if settings.triplet_weight:
            for name, embeddings in vectors.items():
                triplet = batch_hard_triplet(embeddings, batch.labels, settings.margin)
                terms[name] = settings.triplet_weight * triplet
        return Step(terms, whole.detach(), batch.labels)

    def after_step(self, step: Step) -> None:
        """Do nothing: there is no memory, and the optimizer updates the classifiers."""

    def state(self) -> dict[str, Tensor]:
        """The classifiers."""
        return dict(self._heads.state_dict())

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load a `state`."""
        self._heads.load_state_dict(state)

    def _classification_loss(
        self, vectors: Float[Tensor, "b d"], labels: Int64[Tensor, " b"], head: int
    ) -> Float[Tensor, ""]:
        """Cross entropy of a classifier head, whose input is the unit vector times the root of its dimension."""
        logits = self._heads[head](vectors * vectors.shape[1] ** 0.5)
        return cross_entropy(logits, labels, label_smoothing=self._settings.smoothing)
