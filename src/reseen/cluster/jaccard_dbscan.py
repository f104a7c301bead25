"""Clusters one round by DBSCAN on Jaccard distances, with an optional choice of eps and retries.

Flow: nearest neighbors -> sparse Jaccard distances -> eps -> DBSCAN. With fewer than two clusters, eps is changed in
steps (up if all images are noise, down if all are one cluster), then again with min_samples 2, then an error is raised.

eps `auto` is chosen from the distances in each round. As eps grows, noise first joins clusters; then, within a few
hundredths, chaining merges identities: the number of clusters falls while the number of clustered images still rises.
Their product peaks in between: fragments have many clusters but leave images out, a giant cluster has all images but is
only one.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from reseen.cluster.clustering import Clustering
from reseen.cluster.dbscan import DbscanSettings, dbscan
from reseen.cluster.stricter import closer, stricter
from reseen.errors import TrainingError
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.neighbors.csr import Rows
from reseen.records import Features, PseudoLabels

CANDIDATES: tuple[float, ...] = tuple(round(float(eps), 2) for eps in np.arange(0.30, 0.701, 0.02))
"""Candidates for eps; one distance graph up to the largest is enough for all."""


@dataclass(frozen=True)
class EpsilonChoice:
    """A choice of eps, with the clustering statistics behind it."""

    eps: float
    """Jaccard distance, 0 to 1."""
    clusters: int
    """Number of clusters at this eps."""
    clustered_share: float
    """Fraction of images in a cluster, 0 to 1."""

    def __str__(self) -> str:
        return (
            f"eps auto chose {self.eps:.2f} of {CANDIDATES[0]:.2f} to {CANDIDATES[-1]:.2f}: "
            f"{self.clusters} clusters with {self.clustered_share:.0%} of the images"
        )


def choose_eps(
    distances: csr_array | Rows, min_samples: int, candidates: tuple[float, ...] = CANDIDATES
) -> EpsilonChoice:
    r"""The candidate eps that maximizes $clusters \times clustered\ share$; ties go to the largest eps.

    `distances` must contain every pair up to the largest candidate. If no candidate gives a cluster, the largest is
    returned with 0 clusters.

    Example:
        distances = jaccard_distance(features, neighbors, JaccardSettings(), threshold=0.7)
        eps = choose_eps(distances, min_samples=4).eps
    """
    choices = []
    for eps in candidates:
        labels = dbscan(distances, eps, min_samples)
        choices.append(EpsilonChoice(eps, labels.cluster_count, 1 - labels.noise_share))
    return max(choices, key=lambda choice: (choice.clusters * choice.clustered_share, choice.eps))


_STEP = 0.05
"""Change of eps per retry."""
_LOWEST, _HIGHEST = 0.05, 0.95
"""Limits of eps in retries."""
_FEWEST_SAMPLES = 2
"""min_samples of the last retries."""


@dataclass(frozen=True)
class _Outcome:
    labels: PseudoLabels
    eps: float
    min_samples: int


def cluster_features(
    features: Features,
    jaccard: JaccardSettings,
    settings: DbscanSettings,
    device: str = "cpu",
    strictness: int = 0,
) -> Clustering:
    """Cluster the features of one round; `device` is the torch device of the neighbor search.

    `strictness` is a step of the ladder of `reseen.cluster.stricter`, 0 for the settings as they are.

    Raises:
        TrainingError: fewer than two clusters with the given settings and with all relaxed ones.

    Example:
        labels = cluster_features(features, JaccardSettings(k1=30), DbscanSettings(eps=0.6)).labels
    """
    if len(features) < _FEWEST_SAMPLES:
        raise TrainingError(f"clustering needs at least {_FEWEST_SAMPLES} images, got {len(features)}")
    jaccard, settings = stricter(jaccard, settings, strictness)
    began = time.perf_counter()
    neighbors = nearest(features, jaccard.columns, device)
    searched = time.perf_counter()

    def graph(threshold: float) -> csr_array:
        return jaccard_distance(features, neighbors, jaccard, threshold, device)

    distances = graph(CANDIDATES[-1] if settings.eps == "auto" else settings.eps)
    compared = time.perf_counter()
    notes: list[str] = []
    outcome = _first_try(distances, settings, strictness, notes)
    if outcome.labels.cluster_count < 2:
        outcome = _relax(outcome, graph, distances, notes)
    return Clustering(
        labels=outcome.labels,
        eps=outcome.eps,
        notes=tuple(notes),
        seconds={
            "neighbors": searched - began,
            "jaccard": compared - searched,
            "dbscan": time.perf_counter() - compared,  # including the choice of eps and retries
        },
    )


def _first_try(distances: csr_array, settings: DbscanSettings, strictness: int, notes: list[str]) -> _Outcome:
    if settings.eps == "auto":
        choice = choose_eps(distances, settings.min_samples)
        notes.append(str(choice))
        eps = closer(choice.eps, strictness)
    else:
        eps = settings.eps
    if strictness:
        notes.append(f"stricter, step {strictness}: eps {eps:.2f}, min_samples {settings.min_samples}")
    return _Outcome(dbscan(distances, eps, settings.min_samples), eps, settings.min_samples)


def _relax(
    first: _Outcome, graph: Callable[[float], csr_array], distances: csr_array, notes: list[str]
) -> _Outcome:
    """The outcome of the first relaxed settings with two clusters or more; every attempt is added to `notes`."""
    upward = first.labels.cluster_count == 0
    distances = graph(_HIGHEST) if upward else distances
    last = first
    for eps, min_samples in _attempts(first, upward):
        notes.append(
            f"{_cluster_count(last.labels)} with eps {last.eps:.2f}, min_samples {last.min_samples}; "
            f"tried eps {eps:.2f}, min_samples {min_samples}"
        )
        last = _Outcome(dbscan(distances, eps, min_samples), eps, min_samples)
        if last.labels.cluster_count >= 2:
            notes.append(f"found {last.labels.cluster_count} clusters with these settings")
            return last
    raise TrainingError(_advice(first, last, upward))


def _attempts(first: _Outcome, upward: bool) -> Iterator[tuple[float, int]]:
    """Pairs of eps and min_samples to retry: eps in steps towards its limit, then again with the fewest samples."""
    if upward:
        steps = int((_HIGHEST - first.eps) / _STEP + 1e-6)
        eps_values = [round(first.eps + _STEP * step, 4) for step in range(1, steps + 1)]
    else:
        steps = int((first.eps - _LOWEST) / _STEP + 1e-6)
        eps_values = [round(first.eps - _STEP * step, 4) for step in range(1, steps + 1)]
    yield from ((eps, first.min_samples) for eps in eps_values)
    if first.min_samples > _FEWEST_SAMPLES:
        yield from ((eps, _FEWEST_SAMPLES) for eps in [first.eps, *eps_values])


def _cluster_count(labels: PseudoLabels) -> str:
    return "one cluster" if labels.cluster_count == 1 else "no cluster"


def _advice(first: _Outcome, last: _Outcome, upward: bool) -> str:
    images = len(first.labels)
    outcome = (
        f"expected at least two clusters of {images} images, got {_cluster_count(first.labels)} with "
        f"method.dbscan.eps {first.eps:.2f} and method.dbscan.min_samples {first.min_samples}, "
        f"and fewer than two down to min_samples {last.min_samples} "
        f"and {'up' if upward else 'down'} to eps {last.eps:.2f}; "
    )
    if upward:
        return outcome + (
            "add more images of each person, start from pretrained weights, or lower method.jaccard.k1"
        )
    return outcome + (
        "check that the images show more than one person, start from pretrained weights, "
        "or lower method.jaccard.k1 or method.dbscan.eps"
    )
