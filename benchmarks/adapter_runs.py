"""Trainings that take seconds: cluster contrast of an adapter on the frozen vectors of the starting encoder.

An adapter, a linear map and a small network beside it, starts as the identity. It learns from clusters of its own
vectors, as an encoder does, and by the same settings gets better or worse: with wide neighborhoods it fuses people who
have few crops, with shuffled labels or a learning rate that is too high it loses what the encoder knew. So there can be
a hundred trainings where there is time for ten.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from benchmarks.protocols.regimes import REGIMES
from torch import Tensor, nn

from reseen.audit import Probe
from reseen.cluster import DbscanSettings, center_cameras, cluster_features
from reseen.errors import TrainingError
from reseen.evaluate import RetrievalTask, score
from reseen.geometry import unit
from reseen.neighbors import JaccardSettings
from reseen.records import Features

ROUNDS, BATCHES, PEOPLE, EACH = 3, 60, 32, 4
DIMENSION, HIDDEN, VIEWED, MOST = 96, 128, 400, 700
HELD_OUT = 100


@dataclass(frozen=True)
class Arm:
    """Settings of an adapter's training."""

    k1: int
    eps: float
    min_samples: int
    centered: bool
    faster: float = 1.0
    """Factor of the learning rate."""
    shuffled: bool = False


ARMS = {
    "small": Arm(6, 0.6, 2, True),
    "middle": Arm(20, 0.6, 4, True),
    "tight": Arm(20, 0.45, 4, True),
    "literature": Arm(30, 0.6, 4, False),
    "loose": Arm(30, 0.7, 4, True),
    "one-cluster": Arm(20, 0.99, 4, True),
    "hot": Arm(20, 0.6, 4, True, faster=30),
    "shuffled": Arm(20, 0.6, 4, True, shuffled=True),
}


@dataclass(frozen=True)
class Crops:
    """Vectors of all crops by the starting encoder, and what is known of them."""

    plain: Tensor
    viewed: Tensor
    """Vectors of another view of each crop."""
    identities: np.ndarray
    cameras: np.ndarray
    tracklets: np.ndarray

    def held_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of query and gallery: one query per camera of each of the last 100 people, who are in no pool."""
        rows = np.flatnonzero(self._is_held_out)
        order = np.random.default_rng(0).permutation(rows)
        _, first = np.unique(self.identities[order] * 1000 + self.cameras[order], return_index=True)
        query = np.sort(order[first])
        return query, np.setdiff1d(rows, query)

    def pool(self, regime: str, seed: int) -> np.ndarray:
        """Rows of a pool of a regime, with as many of its people as have 700 crops."""
        generator = np.random.default_rng(seed)
        rows = np.flatnonzero(~self._is_held_out)
        chosen = rows[REGIMES[regime].choose(self.identities[rows], self.cameras[rows], generator)]
        kept: list[np.ndarray] = []
        for person in generator.permutation(np.unique(self.identities[chosen])):
            kept.append(chosen[self.identities[chosen] == person])
            if sum(map(len, kept)) > MOST:
                break
        return np.sort(np.concatenate(kept))

    @property
    def _is_held_out(self) -> np.ndarray:
        return self.identities >= np.unique(self.identities)[-HELD_OUT]


class Adapter(nn.Module):
    """A linear map that starts as the identity, and a network beside it that starts at zero."""

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self._mean = vectors.mean(dim=0)
        sample = (vectors - self._mean)[torch.randperm(len(vectors))[:1500]]
        self._basis = torch.linalg.svd(sample, full_matrices=False)[2][:DIMENSION].T.contiguous()
        width = self._basis.shape[1]
        self._map = nn.Parameter(torch.eye(width))
        self._inner = nn.Linear(width, HIDDEN)
        self._outer = nn.Parameter(torch.zeros(HIDDEN, width))

    def forward(self, vectors: Tensor) -> Tensor:
        """Unit vectors (b, 96) of vectors (b, d)."""
        inner = 8 * (vectors - self._mean) @ self._basis
        return unit(inner @ self._map + torch.relu(self._inner(inner)) @ self._outer)


def train_adapter(
    crops: Crops, regime: str, arm: str, seed: int
) -> Iterator[tuple[Probe, float, np.ndarray | None]]:
    """For the start and after every round: what the adapter makes of the pool, true held-out mAP, and the clusters."""
    settings, generator = ARMS[arm], np.random.default_rng(seed)
    torch.manual_seed(seed)
    rows = crops.pool(regime, seed)
    cameras = crops.cameras[rows]
    adapter = Adapter(crops.plain[rows])
    optimizer = torch.optim.Adam(adapter.parameters(), lr=1e-3 * settings.faster)
    viewed = np.sort(np.random.default_rng(0).permutation(len(rows))[:VIEWED])
    labels = None
    for number in range(ROUNDS + 1):
        with torch.no_grad():
            vectors = adapter(crops.plain[rows])
            views = adapter(crops.viewed[rows[viewed]])
        probe = Probe(Features(vectors), Features(views), viewed, cameras, crops.tracklets[rows])
        yield probe, _held_out_map(adapter, crops), labels
        if number == ROUNDS:
            return
        try:
            labels = _cluster(Features(vectors), cameras, settings, generator)
        except TrainingError:
            return
        _train_round(adapter, optimizer, crops, rows, labels, generator)


def _cluster(
    features: Features, cameras: np.ndarray, settings: Arm, generator: np.random.Generator
) -> np.ndarray:
    centered = settings.centered and len(np.unique(cameras)) > 1
    clustered = center_cameras(features, cameras) if centered else features
    found = cluster_features(
        clustered, JaccardSettings(k1=settings.k1, k2=min(settings.k1, 6)),
        DbscanSettings(eps=settings.eps, min_samples=settings.min_samples),
    )  # fmt: skip
    labels = found.labels.labels.copy()
    if settings.shuffled:
        kept = np.flatnonzero(labels >= 0)
        labels[kept] = labels[generator.permutation(kept)]
    return labels


def _train_round(
    adapter: Adapter, optimizer: torch.optim.Optimizer, crops: Crops, rows: np.ndarray, labels: np.ndarray,
    generator: np.random.Generator,
) -> None:  # fmt: skip
    members = [np.flatnonzero(labels == cluster) for cluster in range(labels.max() + 1)]
    with torch.no_grad():
        vectors = adapter(crops.plain[rows])
        centroids = unit(torch.stack([vectors[torch.from_numpy(own)].mean(dim=0) for own in members]))
    for batch in range(BATCHES):
        drawn = generator.permutation(len(members))[:PEOPLE]
        places = np.concatenate(
            [generator.choice(members[one], EACH, replace=len(members[one]) < EACH) for one in drawn]
        )
        given = (crops.viewed if batch % 2 else crops.plain)[rows[places]]
        kept = torch.rand(given.shape) > 0.2  # in place of augmentation
        embedded = adapter(given * kept / 0.8)
        targets = torch.from_numpy(labels[places])
        loss = nn.functional.cross_entropy(embedded @ centroids.T / 0.05, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for cluster, own in zip(drawn.tolist(), embedded.detach().split(EACH), strict=True):
            hardest = own[int((own @ centroids[cluster]).argmin())]
            centroids[cluster] = unit(0.2 * centroids[cluster] + 0.8 * hardest)


def _held_out_map(adapter: Adapter, crops: Crops) -> float:
    query, gallery = crops.held_out()
    with torch.no_grad():
        sides = [Features(adapter(crops.plain[rows])) for rows in (query, gallery)]
    task = RetrievalTask(
        sides[0], sides[1], crops.identities[query], crops.cameras[query], crops.identities[gallery],
        crops.cameras[gallery],
    )  # fmt: skip
    return score(task).mean_average_precision
