"""PK sampling: batches of P clusters with K images each, optionally balanced over cameras.

Reference: Hermans et al., "In defense of the triplet loss for person re-identification", 2017.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Generator, Tensor

from reseen.config import Settings
from reseen.records import PseudoLabels


class SamplerSettings(Settings):
    """The shape of a batch."""

    clusters_per_batch: Annotated[int, Field(ge=2)] = 16
    """P: number of different clusters in a batch."""

    images_per_cluster: Annotated[int, Field(ge=1)] = 16
    """K: number of images per cluster in a batch."""

    @property
    def batch_size(self) -> int:
        """Number of images in a batch, P x K."""
        return self.clusters_per_batch * self.images_per_cluster


class PkSampler:
    """An endless sampler of batches of P x K rows, in which K consecutive rows share a label.

    Clusters are drawn in random order, each once before any is repeated. Corner cases:

    - outliers are never drawn;
    - of a cluster smaller than K, images are repeated, all equally often up to one;
    - with fewer than P clusters, clusters are repeated within the batch, so that its size is constant;
    - with `cameras`, the K images are drawn round-robin from the cluster's cameras in random order; images of unknown
      camera count as one camera of their own.

    Raises:
        ValueError: there is no cluster.

    Example:
        >>> sampler = PkSampler(labels, SamplerSettings(), torch.Generator().manual_seed(0))
        >>> for rows in sampler.batches(200): ...
    """

    def __init__(
        self,
        labels: PseudoLabels,
        settings: SamplerSettings,
        generator: Generator,
        cameras: Int64[np.ndarray, " n"] | None = None,
    ) -> None:
        if labels.cluster_count == 0:
            raise ValueError("PK sampling needs at least one cluster, found only noise")
        self._members = _group_rows(labels.labels)
        self._cameras = cameras
        self._settings = settings
        self._generator = generator
        self._queue: list[int] = []

    def batch(self) -> Int64[Tensor, " b"]:
        """Row numbers of the next batch, of length P x K."""
        rows = [
            self._images_of(cluster) for cluster in self._next_clusters(self._settings.clusters_per_batch)
        ]
        return torch.from_numpy(np.concatenate(rows))

    def batches(self, count: int) -> Iterator[Int64[Tensor, " b"]]:
        """An iterator over the next `count` batches."""
        return (self.batch() for _ in range(count))

    def _next_clusters(self, count: int) -> list[int]:
        drawn: list[int] = []
        while len(drawn) < count:
            if not self._queue:
                fresh = torch.randperm(len(self._members), generator=self._generator).tolist()
                # Clusters already in this batch are moved to the end of the new order, to avoid repeats.
                self._queue = [c for c in fresh if c not in drawn] + [c for c in fresh if c in drawn]
            drawn.append(self._queue.pop(0))
        return drawn

    def _images_of(self, cluster: int) -> Int64[np.ndarray, " k"]:
        members = self._members[cluster]
        members = members[self._shuffle(len(members))]
        if self._cameras is not None:
            members = members[_round_robin(self._cameras[members])]
        return np.resize(members, self._settings.images_per_cluster)

    def _shuffle(self, count: int) -> Int64[np.ndarray, " n"]:
        return torch.randperm(count, generator=self._generator).numpy()


def _group_rows(labels: Int64[np.ndarray, " n"]) -> list[Int64[np.ndarray, " m"]]:
    """Row numbers of each cluster, in ascending order."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(labels.max() + 2))
    return [order[begin:end] for begin, end in pairwise(starts)]


def _round_robin(cameras: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """An order of images that cycles through their cameras, in order of each camera's first appearance."""
    _, first, camera = np.unique(cameras, return_index=True, return_inverse=True)
    turn = np.empty(len(cameras), dtype=np.int64)
    for index in range(len(first)):
        of_camera = np.flatnonzero(camera == index)
        turn[of_camera] = np.arange(len(of_camera))
    return np.lexsort((first[camera], turn))
