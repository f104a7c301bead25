"""The interface of a clustering: one class has its settings and its function."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float64, Int64
from pydantic import SerializeAsAny

from reseen.cluster.clustering import Clustering
from reseen.cluster.hierarchy import HierarchySettings
from reseen.conditions import When
from reseen.config import NamedSettings, suggestion
from reseen.neighbors.csr import Allocate, in_memory
from reseen.records import Features, Neighbors, PseudoLabels
from reseen.registry import Registry

Progress = Callable[[int], None]
"""Called with the number of items just done."""


def no_phase(description: str, total: int) -> Progress:  # noqa: ARG001
    """A `ClusteringContext.phase` that shows nothing."""
    return lambda _: None


@dataclass(frozen=True)
class ClusteringContext:
    """What a clustering receives in addition to features. It contains no identities."""

    device: str = "cpu"
    """The torch device for the neighbor search."""
    copies: Int64[np.ndarray, " n"] | None = None
    """The first row of each row's group of near-copies, as `group_near_copies` gives it; None if unknown."""
    tracklets: Int64[np.ndarray, " n"] | None = None
    """The tracklet of each row, -1 where unknown; None if no row has one."""
    strictness: int = 0
    """How much stricter than the settings to cluster: 0 for the settings unchanged, up to `stricter_steps`."""
    phase: Callable[[str, int], Progress] = no_phase
    """Called at the begin of a phase with its description and number of items; returns a progress callback."""
    allocate: Allocate = in_memory
    """Allocates large arrays; memory-mapped files out of core."""
    finish_stage: Callable[[str], None] = lambda _: None
    """Called with the name of a stage when it is done, to record its time and memory."""


class AbstractClustering(NamedSettings):
    """A clustering with its settings: from features to pseudo-labels.

    A subclass implements `cluster`, has a `name` with a default, and sets the class attributes that apply to it.
    `docs/adding-a-clustering.md` shows a complete one.

    Example:
        >>> clustering = DbscanClustering(eps=0.5, jaccard={"k1": 20})
        >>> labels = clustering.cluster(features).labels
    """

    drops_other_kinds: ClassVar[bool] = True

    finds_outliers: ClassVar[bool] = False
    """Whether it labels outliers itself; otherwise methods exclude clusters smaller than `smallest_cluster`."""

    takes_tracklets: ClassVar[bool] = False
    """Whether it can start from tracklets."""

    stricter_steps: ClassVar[int] = 0
    """How many times it can be made stricter, if clusters merge several people (`ClusteringContext.strictness`)."""

    @classmethod
    def named(cls, name: Any) -> "type[AbstractClustering]":
        """The class of a clustering.

        Raises:
            ValueError: no clustering has this name; the message lists the names.
        """
        from reseen.cluster.clusterings import CLUSTERINGS

        return _named(CLUSTERINGS, name)

    @abstractmethod
    def cluster(self, features: Features, context: ClusteringContext = ClusteringContext()) -> Clustering:
        """Cluster the n rows of `features`.

        Args:
            features: features of all rows.
            context: device, near-copies, tracklets and progress.

        Returns:
            A pseudo-label for each row, -1 for outliers, with notes for the log.

        Raises:
            TrainingError: no clusters are found with these settings; the message says which to change.
        """

    def for_once(self) -> Self:
        """The settings that `reseen cluster` starts from, if these are the settings of a training."""
        return self

    def recipe_conditions(self, path: str) -> Mapping[str, When]:  # noqa: ARG002
        """Conditions that depend on other sections of a recipe; `path` is the path of these settings in it."""
        return {}

    def check_grows(self) -> None:
        """Check that it can merge clusters one step per round (`grow`).

        Raises:
            ValueError: it cannot.
        """
        raise ValueError(f"{self.name} cannot merge clusters step by step; use name: hierarchy")

    def grow(
        self,
        features: Features,
        labels: Int64[np.ndarray, " n"],
        share_of: int,
        done: int = 0,
        steps: int = 1,
    ) -> tuple[PseudoLabels, Float64[np.ndarray, " m"]]:
        """Merge the given clusters by up to `steps` steps.

        Args:
            features: features of all rows.
            labels: current cluster of each row, without outliers.
            share_of: number of initial clusters; the share merged per step is of this number.
            done: steps merged so far.
            steps: maximum number of steps to merge.

        Returns:
            The new labels, and the cost of each merge.
        """
        raise NotImplementedError

    def approximates(self, rows: int) -> bool:  # noqa: ARG002
        """Whether this number of rows is clustered with an approximate search."""
        return False

    def for_size(self, rows: int) -> Self:  # noqa: ARG002
        """Settings that use the algorithms for this number of rows at any size; for benchmarks on fewer rows."""
        return self

    def time_power(self, rows: int) -> float | None:  # noqa: ARG002
        """Exponent of its asymptotic time in the number of rows; None if linear."""
        return None

    def pair_bytes(self, features: Features) -> float | None:  # noqa: ARG002
        """Bytes of the pairs stored for these features, which can grow quadratically; None if there are none."""
        return None

    @property
    def tree(self) -> HierarchySettings:
        """Merge costs for drawing the dendrogram of one of its clusters."""
        return HierarchySettings()

    @property
    def neighbors(self) -> int:
        """Number of neighbors of each row that `cluster_neighbors` needs, including the row itself."""
        return 1

    def check_out_of_core(self) -> None:
        """Check that vectors on disk can be clustered with these settings (`cluster_neighbors`).

        Raises:
            ValueError: they cannot; the message says what to change.
        """
        raise ValueError(
            f"{self.name} clusters vectors in memory only; give crops with --data, or take --method dbscan or hierarchy"
        )

    def out_of_core_bytes(self, rows: int, dimension: int, threads: int) -> int:
        """Memory of `cluster_neighbors` in bytes, not counting memory-mapped arrays."""
        raise NotImplementedError

    def cluster_neighbors(
        self, features: Features, neighbors: Neighbors, context: ClusteringContext
    ) -> Clustering:
        """Cluster vectors on disk, given the nearest `self.neighbors` rows of each; `context` allocates arrays."""
        raise NotImplementedError


AnyClustering = SerializeAsAny[AbstractClustering]
"""Type of a field of settings that holds any registered clustering, chosen by `name`."""


def _named(table: Registry[type[AbstractClustering]], name: Any) -> type[AbstractClustering]:
    kind = table.find(name) if isinstance(name, str) else None
    if kind is None:
        known, shown = list(table), str(name)[:100]
        raise ValueError(
            f"no clustering '{shown}'{suggestion(shown, known)}; the clusterings are {', '.join(known)}; to use your "
            "own, install its package or pass its file with --plugin"
        )
    return kind
