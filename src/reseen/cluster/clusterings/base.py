"""What a clustering implements, and what it is given: one class holds its settings and its function."""

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
    """What a clustering is given beside features. There are no identities in it."""

    device: str = "cpu"
    """The torch device of a neighbor search."""
    copies: Int64[np.ndarray, " n"] | None = None
    """The first row of each row's group of near-copies, as `group_near_copies` gives it; None if unknown."""
    tracklets: Int64[np.ndarray, " n"] | None = None
    """The tracklet of each row, -1 where unknown; None if no row has one."""
    strictness: int = 0
    """0 for the settings as they are, up to the clustering's `stricter_steps`."""
    phase: Callable[[str, int], Progress] = no_phase
    """Begins a phase of the work, by its description and its number of items; the result is called with items done."""
    allocate: Allocate = in_memory
    """Allocates large arrays; memory-mapped files out of core."""
    finish_stage: Callable[[str], None] = lambda _: None
    """Called with the name of a stage when it is done, to record its time and memory."""


class AbstractClustering(NamedSettings):
    """A clustering with its settings: from features to pseudo-labels.

    A class implements `cluster`, has a `name` with a default, and declares what holds for it.

    Example:
        >>> clustering = DbscanClustering(eps=0.5, jaccard={"k1": 20})
        >>> labels = clustering.cluster(features).labels
    """

    drops_other_kinds: ClassVar[bool] = True

    finds_outliers: ClassVar[bool] = False
    """Whether it leaves crops in no cluster by itself; otherwise methods drop clusters below `smallest_cluster`."""

    takes_tracklets: ClassVar[bool] = False
    """Whether it starts from tracklets where they are known."""

    stricter_steps: ClassVar[int] = 0
    """How many times it can be made stricter, where its clusters have fused people (`ClusteringContext.strictness`)."""

    @classmethod
    def named(cls, name: Any) -> "type[AbstractClustering]":
        """The class of a clustering.

        Raises:
            ValueError: there is none of this name; lists the names.
        """
        from reseen.cluster.clusterings import CLUSTERINGS

        return _named(CLUSTERINGS, name)

    @abstractmethod
    def cluster(self, features: Features, context: ClusteringContext = ClusteringContext()) -> Clustering:
        """Cluster the rows of `features`.

        Raises:
            TrainingError: no clustering can be found with these settings; says which to change.
        """

    def for_once(self) -> Self:
        """The settings with which `reseen cluster` begins where these are those of a training."""
        return self

    def recipe_conditions(self, path: str) -> Mapping[str, When]:  # noqa: ARG002
        """When settings have an effect that depend on other sections of a recipe; `path` is this one's own."""
        return {}

    def check_grows(self) -> None:
        """Whether it can merge clusters a step per round (`grow`).

        Raises:
            ValueError: it cannot; says what can.
        """
        raise ValueError(f"clusters of {self.name} do not grow step by step; take name: hierarchy")

    def grow(
        self,
        features: Features,
        labels: Int64[np.ndarray, " n"],
        share_of: int,
        done: int = 0,
        steps: int = 1,
    ) -> tuple[PseudoLabels, Float64[np.ndarray, " m"]]:
        """Merge the clusters so far by up to `steps` steps; returns the labels and the cost of each merge.

        Args:
            features: all rows.
            labels: cluster of each row; no row is in none.
            share_of: number of clusters at the very start.
            done: steps merged so far.
            steps: most steps to add.
        """
        raise NotImplementedError

    def approximates(self, rows: int) -> bool:  # noqa: ARG002
        """Whether so many rows are clustered by an approximate search."""
        return False

    def for_size(self, rows: int) -> Self:  # noqa: ARG002
        """Settings that take, at any size, the algorithms that these take for so many rows; for benchmarks."""
        return self

    def time_power(self, rows: int) -> float | None:  # noqa: ARG002
        """Exponent of the highest term of its time in the number of rows; None if linear."""
        return None

    def pair_bytes(self, features: Features) -> float | None:  # noqa: ARG002
        """Bytes of pairs that it holds for these features, which may grow quadratically; None if there are none."""
        return None

    @property
    def tree(self) -> HierarchySettings:
        """Merge costs by which the dendrogram of one of its clusters is drawn."""
        return HierarchySettings()

    @property
    def neighbors(self) -> int:
        """Neighbors of each row that `cluster_neighbors` needs, the row itself included."""
        return 1

    def check_out_of_core(self) -> None:
        """Whether vectors on disk can be clustered (`cluster_neighbors`).

        Raises:
            ValueError: they cannot by these settings; says what to change.
        """
        raise ValueError(
            f"{self.name} clusters vectors in memory only; give crops with --data, or take --method dbscan or hierarchy"
        )

    def out_of_core_bytes(self, rows: int, dimension: int, threads: int) -> int:
        """Memory that `cluster_neighbors` takes, in bytes, without memory-mapped arrays."""
        raise NotImplementedError

    def cluster_neighbors(
        self, features: Features, neighbors: Neighbors, context: ClusteringContext
    ) -> Clustering:
        """Cluster vectors on disk, given the `neighbors` nearest rows of each; large arrays come from the context."""
        raise NotImplementedError


AnyClustering = SerializeAsAny[AbstractClustering]
"""Type of a field of settings that holds any registered clustering, chosen by `name`."""


def _named(table: Registry[type[AbstractClustering]], name: Any) -> type[AbstractClustering]:
    kind = table.find(name) if isinstance(name, str) else None
    if kind is None:
        known, shown = list(table), str(name)[:100]
        raise ValueError(
            f"no clustering '{shown}'{suggestion(shown, known)}; the clusterings are {', '.join(known)}; one of your "
            "own needs its package installed, or its file given by --plugin"
        )
    return kind
