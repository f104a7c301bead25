"""The interface of a training method: settings, context and the three functions that the training loop calls."""

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
    """Runs a function in the main process of a distributed training, and broadcasts the result to all processes."""

    def __call__(self, compute: Callable[[], Outcome]) -> Outcome:
        """Return the result of `compute`: arrays, numbers, strings, a `Clustering`, or tuples of these."""
        ...


def in_this_process(compute: Callable[[], Outcome]) -> Outcome:
    """`RunOnMain` for a single process: calls `compute`."""
    return compute()


class MethodSettings(NamedSettings):
    """Base of the settings of a method; `name` selects the method."""

    @classmethod
    def named(cls, name: Any) -> "type[MethodSettings]":
        """The settings class of a method.

        Raises:
            ValueError: no method has this name; the message lists the names.
        """
        from reseen.methods import METHODS

        row = METHODS.find(name) if isinstance(name, str) else None
        if row is None:
            known, shown = list(METHODS), str(name)[:100]
            raise ValueError(
                f"no method '{shown}'{suggestion(shown, known)}; the methods are {', '.join(known)}; to use your own, "
                "install its package or pass its file with --plugin"
            )
        return row.settings

    @property
    def batch_size(self) -> int:
        """Crops per batch, not counting augmented views; training needs at least this many crops."""
        return 2

    @property
    def round_clustering(self) -> AbstractClustering | None:
        """The clustering that runs in every round; None if the method does not cluster."""
        return None

    @property
    def masks(self) -> MaskSettings | None:
        """Masks of a training crop's views, shown in a report; None if the method does not mask."""
        return None

    @property
    def credible_rule(self) -> "CredibleRule | None":
        """How credible neighbors are found, shown in a report; None if the method does not use them."""
        return None

    def for_size(self, crops: int) -> Self:  # noqa: ARG002
        """Settings that use the algorithms for this number of crops at any size; for benchmarks on fewer crops."""
        return self

    @property
    def rounds_without_merging(self) -> int:
        """Number of rounds at the start in which every crop is its own cluster."""
        return 0

    def second_view(self) -> Mapping[str, Any]:
        """Values of settings, by path, that add a second augmented view of every crop; empty if none does."""
        return {}

    @property
    def views(self) -> int:
        """Augmented views of every crop in a batch, 1 or 2."""
        required = self.second_view()
        return 2 if required and When(required).unmet(self, "") is None else 1

    def recipe_conditions(self) -> Mapping[str, When]:
        """Conditions that depend on several sections of a recipe: when a setting has an effect, by its full path."""
        required = {f"method.{path}": value for path, value in self.second_view().items()}
        return {"augmentation.warp": When(required)} if required else {}

    def fewest_crops(self) -> Mapping[str, int]:
        """Minimum number of crops that a setting requires, by the setting's path below `method`."""
        return {}


@dataclass(frozen=True)
class CredibleRule:
    """How a method finds credible neighbors of whole images."""

    settings: CredibleSettings
    clustering: AbstractClustering | None
    """The clustering whose members are credible neighbors; None if neighbors come from a k-NN search."""
    center_cameras: bool
    """Whether features are centered by camera first; no effect without cameras."""


class SampledMethodSettings(MethodSettings):
    """Base of the settings of methods whose batches are drawn by PK sampling."""

    sampler: SamplerSettings = SamplerSettings()
    """The batches."""

    @property
    def batch_size(self) -> int:
        """Clusters per batch times crops per cluster (P x K)."""
        return self.sampler.batch_size


@dataclass(frozen=True)
class MethodContext:
    """What a method receives in addition to its settings. It contains no identities."""

    encoder: Encoder
    """The encoder to train."""
    cameras: Int64[np.ndarray, " n"] | None
    """Camera index of each training row; None if cameras are unknown or disabled."""
    generator: Generator
    """The only source of random numbers, on the CPU."""
    device: torch.device
    """The device of the encoder and of all networks."""
    raw: bool = False
    """Whether features are not of unit length (`model.feature: raw`)."""
    tracklets: Int64[np.ndarray, " n"] | None = None
    """Tracklet index of each training row, -1 if unknown; None if no row has one."""
    steps: int = 1
    """Number of batches in the whole training."""
    constraints: Constraints | None = None
    """Must-link and cannot-link pairs of rows, from answers and tracklets; None if there are none."""
    labels: Int64[np.ndarray, " n"] | None = None
    """Label of each training row, from the file in `data.labels`; only for the supervised method, else None."""
    run_on_main: RunOnMain = in_this_process
    """Runs slow work that every process needs, such as clustering, in one process only."""
    copies: Int64[np.ndarray, " n"] | None = None
    """First row of each training row's group of near-copies; None if near-copies were not searched for."""

    def clustering(self, strictness: int = 0, tracklets: bool = True) -> ClusteringContext:
        """The context for clustering the training rows; without the tracklets if `tracklets` is false."""
        return ClusteringContext(
            self.device.type, self.copies, self.tracklets if tracklets else None, strictness
        )


@dataclass(frozen=True)
class Round:
    """The pseudo-labels of a round and its batches."""

    clustering: Clustering
    batches: Iterable[Int64[Tensor, " b"]]
    """Training rows of each batch, drawn lazily."""


@dataclass(frozen=True)
class Step:
    """The losses of one batch, and the tensors that `after_step` needs."""

    terms: Mapping[str, Float[Tensor, ""]]
    """Weighted scalar loss terms by name."""
    features: Float[Tensor, "b d"]
    """Features of the batch, detached."""
    labels: Int64[Tensor, " b"]
    """Pseudo-labels of the batch."""
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    """Other detached tensors that `after_step` needs."""

    @property
    def loss(self) -> Float[Tensor, ""]:
        """The sum of the terms."""
        return torch.stack(list(self.terms.values())).sum()


class AbstractMethod(ABC):
    """A training method: how to cluster, which losses to minimize, and what to update after a step.

    The training loop calls `begin_round` once per round, then `losses` and `after_step` for every batch.
    `docs/adding-a-method.md` shows a complete method.
    """

    views: int = 1
    """Augmented views of every crop in a batch: the first views of all crops come first, then the second views."""
    scored_prefix: str = ""
    """Prefix in `state` of the weights used for evaluation and embedding; empty to use the trained encoder."""
    takes_patches: ClassVar[bool] = False
    """Whether it can train patch features (`model.patches`)."""
    needs_patches: ClassVar[bool] = False
    """Whether it requires patch features."""
    takes_labels: ClassVar[bool] = False
    """Whether it trains with ground-truth labels (`data.labels`)."""
    takes_raw: ClassVar[bool] = False
    """Whether features may be unnormalized (`model.feature: raw`)."""
    takes_kept_views: ClassVar[bool] = False
    """Whether `losses` uses the images of a batch only to call its `encoders`, so that kept outputs of frozen stages
    can replace them (`train.kept_views`)."""
    updates_memory: ClassVar[bool] = True
    """Whether `after_step` changes anything, such as a memory bank or a teacher."""
    trains_on_outliers: ClassVar[bool] = False
    """Whether batches may contain outliers, for example because every crop is its own target."""
    reclusters_features: ClassVar[bool] = True
    """Whether `recluster` depends only on the given features; false for given labels and for clusters that grow."""
    trains_on_clusters: bool = True
    """Whether the losses use the clusters of `begin_round`; false if these are only displayed, and cannot do harm."""
    stricter_steps: int = 0
    """How many times the clustering can be made stricter, if clusters merge several people."""
    strictness: int = 0
    """How much stricter `begin_round` clusters: 0 for the settings unchanged, up to `stricter_steps`."""
    step_time_grows: ClassVar[bool] = False
    """Whether the time of a step grows with the number of crops, for example with the size of a memory bank."""

    @abstractmethod
    def __init__(self, settings: Any, context: MethodContext) -> None:
        """Store the method's own settings and the context; nothing is computed yet."""
        self.context = context
        """What the method received in addition to its settings."""

    def begin_training(self) -> None:
        """Called once before the first round, with BNNeck statistics estimated; not called when a run is resumed."""
        return

    @abstractmethod
    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster the `features` of all n training rows, and choose the `iterations` batches of the round.

        Raises:
            TrainingError: no usable clusters are found.
        """

    @abstractmethod
    def losses(self, batch: Batch) -> Step:
        """Compute the losses of a batch, without side effects."""

    @abstractmethod
    def after_step(self, step: Step) -> None:
        """Update memories and teachers, after the optimizer step."""

    def apply_constraints(self, features: Features, cluster: Callable[[], Clustering]) -> Clustering:
        """Run `cluster` and apply the constraints to its labels; every method must get its labels through this.

        In a distributed training only the main process clusters, and broadcasts the result.
        """
        return self.context.run_on_main(lambda: self._constrained(features, cluster()))

    def _constrained(self, features: Features, clustering: Clustering) -> Clustering:
        if self.context.constraints is None:
            return clustering
        labels, (merged, split) = constrain(features, clustering.labels, self.context.constraints)
        note = f"constraints merged {merged} clusters and split off {split}"
        return replace(clustering, labels=labels, notes=(*clustering.notes, note))

    def recluster(self, features: Features) -> Clustering:
        """The pseudo-labels of the given features, for analysis; nothing is trained afterwards."""
        return self.begin_round(features, 1).clustering

    def networks(self) -> list[nn.Module]:
        """Networks trained in addition to the encoder, on `context.device`; `state` must include their weights."""
        return []

    def extractor(self) -> Encoder:
        """The encoder whose features are clustered."""
        return self.context.encoder

    def encoders(self) -> list[Encoder]:
        """All encoders used for clustering, evaluation or embedding."""
        return [self.context.encoder]

    def state(self) -> dict[str, Tensor]:
        """Tensors to save in a checkpoint besides the encoder and random states; called between rounds."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load a `state`, before the first `begin_round`.

        Raises:
            ValueError: it is not a state of this method.
        """
        if state:
            raise ValueError(
                f"{type(self).__name__} has no state between rounds, but the checkpoint has {', '.join(state)}"
            )
