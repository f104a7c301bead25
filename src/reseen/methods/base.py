"""What every method answers: three questions, asked by a loop that is the same for all of them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn

from reseen.cluster import Clustering, Constraints, constrain
from reseen.cluster.clusterings import AbstractClustering, ClusteringContext
from reseen.conditions import When
from reseen.config import NamedSettings, suggestion
from reseen.data.sampler import SamplerSettings
from reseen.models import Encoder
from reseen.models.masking import MaskSettings
from reseen.neighbors import CredibleSettings
from reseen.records import Batch, Features

Outcome = TypeVar("Outcome")


class RunOnMain(Protocol):
    """Computes something in one of the processes that train together, and gives it to all."""

    def __call__(self, compute: Callable[[], Outcome]) -> Outcome:
        """What `compute` gives: arrays, numbers, words, a `Clustering`, or tuples of these."""
        ...


def in_this_process(compute: Callable[[], Outcome]) -> Outcome:
    """`RunOnMain` where there is one process."""
    return compute()


class MethodSettings(NamedSettings):
    """Base of the settings of a method; `name` selects the method."""

    @classmethod
    def named(cls, name: Any) -> "type[MethodSettings]":
        """The settings of a method.

        Raises:
            ValueError: there is no method of this name; lists the names.
        """
        from reseen.methods import METHODS

        row = METHODS.find(name) if isinstance(name, str) else None
        if row is None:
            known, shown = list(METHODS), str(name)[:100]
            raise ValueError(
                f"no method '{shown}'{suggestion(shown, known)}; the methods are {', '.join(known)}; one of your own "
                "needs its package installed, or its file given by --plugin"
            )
        return row.settings

    @property
    def batch_size(self) -> int:
        """Crops of a batch, its views not counted; training needs at least as many."""
        return 2

    @property
    def round_clustering(self) -> AbstractClustering | None:
        """The clustering of a round; None for a method that has none."""
        return None

    @property
    def masks(self) -> MaskSettings | None:
        """What a view of a training crop does not see, to be shown in a report; None for a method without masks."""
        return None

    @property
    def credible_rule(self) -> "CredibleRule | None":
        """Which neighbors of a crop are credible, to be shown in a report; None for a method that looks for none."""
        return None

    def for_size(self, crops: int) -> Self:  # noqa: ARG002
        """Settings that cluster, at any size, by the algorithms that these take for so many crops; for benchmarks."""
        return self

    @property
    def rounds_without_merging(self) -> int:
        """First rounds in which every crop is its own cluster."""
        return 0

    def second_view(self) -> Mapping[str, Any]:
        """What gives a batch a second view of every crop: values of settings, by path; nothing where nothing does."""
        return {}

    @property
    def views(self) -> int:
        """Augmented views of every crop in a batch."""
        wanted = self.second_view()
        return 2 if wanted and When(wanted).unmet(self, "") is None else 1

    def recipe_conditions(self) -> Mapping[str, When]:
        """When settings have an effect that depend on several sections of a recipe, by paths from its root."""
        wanted = {f"method.{path}": value for path, value in self.second_view().items()}
        return {"augmentation.warp": When(wanted)} if wanted else {}

    def fewest_crops(self) -> Mapping[str, int]:
        """How many crops a setting cannot do without, by the setting's name below `method`."""
        return {}


@dataclass(frozen=True)
class CredibleRule:
    """How a method finds credible neighbors of whole images."""

    settings: CredibleSettings
    clustering: AbstractClustering | None
    """The clustering whose clusters are credible neighbors; None where neighbors are looked up."""
    center_cameras: bool
    """Whether features are centered by camera first, where cameras are used."""


class SampledMethodSettings(MethodSettings):
    """Base of the settings of methods whose batches are drawn by PK sampling."""

    sampler: SamplerSettings = SamplerSettings()
    """The batches."""

    @property
    def batch_size(self) -> int:
        """Clusters of a batch times crops of a cluster."""
        return self.sampler.batch_size


@dataclass(frozen=True)
class MethodContext:
    """What a method is given beside its settings. There are no identities in it.

    `cameras`: camera index per training row, or None when they are unknown or switched off, for the whole
    method at once. `generator`: the one source of random numbers, on the CPU. `raw`: features have lengths of
    their own. `tracklets`: tracklet index per training row, -1 where unknown, or None when none is known.
    `copies`: for each training row the first row of its group of near-copies, or None when nobody looked for them.
    `steps`: batches in the whole training. `constraints`: what answers and tracklets say of pairs of rows, or None.
    `labels`: for the supervised method alone, the label of every row from the file that a person named, or None.
    `once`: around what is long and need not be computed by every process that trains, such as clustering.
    """

    encoder: Encoder
    cameras: Int64[np.ndarray, " n"] | None
    generator: Generator
    device: torch.device
    raw: bool = False
    tracklets: Int64[np.ndarray, " n"] | None = None
    steps: int = 1
    constraints: Constraints | None = None
    labels: Int64[np.ndarray, " n"] | None = None
    once: RunOnMain = in_this_process
    copies: Int64[np.ndarray, " n"] | None = None

    def clustering(self, strictness: int = 0, tracklets: bool = True) -> ClusteringContext:
        """What a clustering of the training rows is given; the tracklets only if they are wanted."""
        return ClusteringContext(
            self.device.type, self.copies, self.tracklets if tracklets else None, strictness
        )


@dataclass(frozen=True)
class Round:
    """The pseudo labels of a round and the rows of its batches, drawn as they are asked for."""

    clustering: Clustering
    batches: Iterable[Int64[Tensor, " b"]]


@dataclass(frozen=True)
class Step:
    """The outcome of one batch: weighted scalar losses by name, and what `after_step` needs."""

    terms: Mapping[str, Float[Tensor, ""]]
    features: Float[Tensor, "b d"]
    labels: Int64[Tensor, " b"]
    remembered: Mapping[str, Tensor] = field(default_factory=dict)
    """What else `after_step` needs, without gradients."""

    @property
    def loss(self) -> Float[Tensor, ""]:
        """The sum of the terms."""
        return torch.stack(list(self.terms.values())).sum()


class AbstractMethod(ABC):
    """A way to learn from unlabelled crops."""

    views: int = 1
    """Augmented views of every crop in a batch: all crops once, then all again."""

    scored: str = ""
    """Prefix in `state` of the weights of the encoder that is scored and embeds; empty: the one that learns."""

    takes_patches: ClassVar[bool] = False
    """Whether it can learn patches (`model.patches`)."""

    needs_patches: ClassVar[bool] = False
    """Whether it cannot do without."""

    takes_labels: ClassVar[bool] = False
    """Whether it learns from labels that a person gave (`data.labels`)."""

    takes_raw: ClassVar[bool] = False
    """Whether features may have lengths of their own (`model.feature: raw`)."""

    remembers: ClassVar[bool] = True
    """Whether `after_step` changes anything, such as a memory bank or a teacher."""

    learns_outliers: ClassVar[bool] = False
    """Whether batches may hold crops of no cluster, as where every crop is its own target."""

    reclusters_features: ClassVar[bool] = True
    """Whether `recluster` depends on the features it is given alone; not for given labels, nor where clusters grow from
    round to round."""

    learns_clusters: bool = True
    """Whether it learns from the clusters of `begin_round`; where they are only looked at, bad ones do no harm."""

    stricter_steps: int = 0
    """How many times the clustering can be made stricter, where its clusters have fused people."""

    strictness: int = 0
    """What `begin_round` clusters with: 0 for the settings as they are, up to `stricter_steps`."""

    steps_grow: ClassVar[bool] = False
    """Whether a step takes longer the more crops there are, as where each is compared with a memory of all."""

    @abstractmethod
    def __init__(self, settings: Any, context: MethodContext) -> None:
        """Take settings (of the method's own kind) and context; nothing is computed yet."""
        self.context = context
        """What the method was given beside its settings."""

    def begin(self) -> None:
        """The encoder is as training begins with it, its neck settled: called once, and not on resuming."""
        return

    @abstractmethod
    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster the features of all training rows, and choose the round's batches."""

    @abstractmethod
    def losses(self, batch: Batch) -> Step:
        """The losses of a batch. Pure: nothing is remembered or changed."""

    @abstractmethod
    def after_step(self, step: Step) -> None:
        """Update memories and teachers, after the optimizer's step."""

    def apply_constraints(self, features: Features, cluster: Callable[[], Clustering]) -> Clustering:
        """A round's clustering with the constraints put into it; every method's labels pass through here.

        Of several processes that train together one clusters, and gives the outcome to all.
        """
        return self.context.once(lambda: self._corrected(features, cluster()))

    def _corrected(self, features: Features, clustering: Clustering) -> Clustering:
        if self.context.constraints is None:
            return clustering
        labels, (merged, split) = constrain(features, clustering.labels, self.context.constraints)
        note = f"constraints merged {merged} clusters and split off {split}"
        return replace(clustering, labels=labels, notes=(*clustering.notes, note))

    def recluster(self, features: Features) -> Clustering:
        """The pseudo labels that features would get now; asked of a method that trains nothing."""
        return self.begin_round(features, 1).clustering

    def networks(self) -> list[nn.Module]:
        """Networks of its own, on the device, that learn beside the encoder; their weights are part of `state`."""
        return []

    def extractor(self) -> Encoder:
        """The encoder whose features are clustered."""
        return self.context.encoder

    def encoders(self) -> list[Encoder]:
        """All encoders whose features are clustered, scored or embedded."""
        return [self.context.encoder]

    def state(self) -> dict[str, Tensor]:
        """What must outlive a stop beside weights and random numbers; called between rounds."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up a `state` again, before the first `begin_round`.

        Raises:
            ValueError: it is not a state of this method.
        """
        if state:
            raise ValueError(f"{type(self).__name__} keeps nothing between rounds, found {', '.join(state)}")
