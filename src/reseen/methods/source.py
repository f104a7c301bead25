"""Learn from labels: the start for a method that then adapts to cameras whose crops nobody labelled.

The one supervised method. Labels come from a file that a person names (`data.labels`); there is no other way to them.
Identity cross entropy with a classifier, beside a batch-hard triplet loss; with patches, a classifier for each of them
and a triplet loss of all together.

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
    """The common recipe of supervised training."""

    name: Literal["source"] = "source"

    sampler: SamplerSettings = SamplerSettings(images_per_cluster=4)
    """The batches: people and crops of each."""

    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the target that is spread over all people."""

    triplet_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the triplet loss; 0 for none."""

    margin: Annotated[Annotated[float, Field(ge=0)] | Literal["soft"], When(triplet_weight=Above(0))] = "soft"
    """By how much the hardest negative should be farther than the hardest positive; `soft`: as far as possible."""


class SupervisedSource(AbstractMethod):
    """Tell labelled people apart."""

    remembers = False
    learns_clusters = False
    reclusters_features = False

    takes_patches = True
    takes_labels = True

    def __init__(self, settings: SourceSettings, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)
        if context.labels is None:
            raise SettingsError(
                "data.labels: source learns from labels; give a CSV file of path and label (`reseen data labels DIR "
                "--out labels.csv` writes that of a benchmark), or take a method that needs none"
            )
        if context.constraints is not None:
            raise SettingsError(
                "data.constraints: source takes the labels as they are; correct them in data.labels"
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
        """The labels that were given, and PK batches of them."""
        around, labels = self.context, self._labels
        assert len(features) == len(labels)  # both are of the readable crops
        sampler = PkSampler(labels, self._settings.sampler, around.generator, around.cameras)
        note = f"supervised: {labels.cluster_count} people by the labels in data.labels"
        return Round(Clustering(labels, notes=(note,)), sampler.batches(iterations))

    def losses(self, batch: Batch) -> Step:
        """Identity and triplet loss of whole images, and of patches where there are any."""
        encoder, settings = self.context.encoder, self._settings
        maps = encoder.maps(batch.images)
        whole = encoder.embed(maps)
        terms = {"identity": self._told_apart(whole, batch.labels, 0)}
        vectors = {"triplet": whole}
        if encoder.patches is not None:
            patches = encoder.embed_patches(maps)
            each = [
                self._told_apart(patches[:, place], batch.labels, 1 + place)
                for place in range(patches.shape[1])
            ]
            terms["patch_identity"] = torch.stack(each).mean()
            vectors["patch_triplet"] = patches.flatten(1) / patches.shape[1] ** 0.5
        if settings.triplet_weight:
            for name, given in vectors.items():
                triplet = batch_hard_triplet(given, batch.labels, settings.margin)
                terms[name] = settings.triplet_weight * triplet
        return Step(terms, whole.detach(), batch.labels)

    def after_step(self, step: Step) -> None:
        """Nothing is remembered between batches but the classifiers, which the optimizer moves."""

    def state(self) -> dict[str, Tensor]:
        """The classifiers."""
        return dict(self._heads.state_dict())

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the classifiers."""
        self._heads.load_state_dict(state)

    def _told_apart(
        self, vectors: Float[Tensor, "b d"], labels: Int64[Tensor, " b"], head: int
    ) -> Float[Tensor, ""]:
        """Cross entropy; unit vectors have the length of the root of their dimension for the classifier."""
        logits = self._heads[head](vectors * vectors.shape[1] ** 0.5)
        return cross_entropy(logits, labels, label_smoothing=self._settings.smoothing)
