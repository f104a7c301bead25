"""PK sampling: batches of P clusters with K images each, spread over cameras where asked."""

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
    """P: different clusters in a batch."""

    images_per_cluster: Annotated[int, Field(ge=1)] = 16
    """K: images of each of them."""

    @property
    def batch_size(self) -> int:
        """P x K."""
        return self.clusters_per_batch * self.images_per_cluster


class PkSampler:
    """Endless batches of P x K rows.

    Clusters come in a shuffled order, each once before any comes again. Corner cases:

    - noise is never drawn;
    - a cluster smaller than K gives all its images before one is repeated, and then repeats them as evenly;
    - with fewer than P clusters the order starts over within the batch, so the batch keeps its size;
    - with `cameras`, the K images go round the cluster's cameras in random order, one image each, until K are
      found; images of an unknown camera count as one more camera; a cluster seen by one camera is drawn as
      without cameras.

    The rows of one cluster stand together: K consecutive rows share a label.

    Raises:
        ValueError: there is no cluster.
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
        """Rows of the next batch, P x K of them."""
        rows = [
            self._images_of(cluster) for cluster in self._next_clusters(self._settings.clusters_per_batch)
        ]
        return torch.from_numpy(np.concatenate(rows))

    def batches(self, count: int) -> Iterator[Int64[Tensor, " b"]]:
        """The next `count` batches."""
        return (self.batch() for _ in range(count))

    def _next_clusters(self, count: int) -> list[int]:
        chosen: list[int] = []
        while len(chosen) < count:
            if not self._queue:
                fresh = torch.randperm(len(self._members), generator=self._generator).tolist()
                # A cluster already in this batch waits for the end of the new order, where that is possible.
                self._queue = [c for c in fresh if c not in chosen] + [c for c in fresh if c in chosen]
            chosen.append(self._queue.pop(0))
        return chosen

    def _images_of(self, cluster: int) -> Int64[np.ndarray, " k"]:
        members = self._members[cluster]
        members = members[self._shuffle(len(members))]
        if self._cameras is not None:
            members = members[_round_robin(self._cameras[members])]
        return np.resize(members, self._settings.images_per_cluster)

    def _shuffle(self, count: int) -> Int64[np.ndarray, " n"]:
        return torch.randperm(count, generator=self._generator).numpy()


def _group_rows(labels: Int64[np.ndarray, " n"]) -> list[Int64[np.ndarray, " m"]]:
    """Rows of each cluster, in row order."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(labels.max() + 2))
    return [order[begin:end] for begin, end in pairwise(starts)]


def _round_robin(cameras: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """An order of shuffled images that takes one of each camera in turn, cameras as they first appear."""
    _, first, camera = np.unique(cameras, return_index=True, return_inverse=True)
    turn = np.empty(len(cameras), dtype=np.int64)
    for index in range(len(first)):
        of_camera = np.flatnonzero(camera == index)
        turn[of_camera] = np.arange(len(of_camera))
    return np.lexsort((first[camera], turn))
