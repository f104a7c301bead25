"""Clusters one round by DBSCAN on Jaccard distances, with retries where the outcome is no clustering.

Flow: settings that are `auto` -> nearest neighbors -> sparse Jaccard distances -> DBSCAN. With fewer than two
clusters, eps is changed in steps (up if all images are noise, down if all are one cluster), then again with min_samples
2, then an error is raised.

`stricter` is a ladder of settings for a round whose clusters have fused people. People fuse where neighborhoods are
wider than people have crops: with k1 neighbors, most of which are of others, the distances of crops of different people
fall below eps, and chains of core points grow into one cluster. Each step looks at fewer neighbors, joins only nearer
crops, and lets smaller groups be a cluster, so that people with few crops are not left out by that.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64
from scipy.sparse import csr_array

from reseen.cluster.auto_settings import choose_settings, is_auto
from reseen.cluster.clustering import Clustering
from reseen.cluster.dbscan import DbscanSettings, dbscan
from reseen.cluster.near_copies import cluster_distinct
from reseen.errors import TrainingError
from reseen.geometry import FeatureRows, as_features
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.records import Features, PseudoLabels

STRICTER_STEPS = 3
"""Number of steps of the ladder."""

_FEWER_NEIGHBORS = 0.6
"""Factor of k1 and k2 per step."""
_LEAST_K1, _LEAST_K2, _LEAST_SAMPLES = 6, 2, 2
_CLOSER = 0.05
"""Decrease of eps per step, a Jaccard distance."""
_LEAST_EPS = 0.05


def stricter(
    jaccard: JaccardSettings, dbscan: DbscanSettings, step: int
) -> tuple[JaccardSettings, DbscanSettings]:
    """The settings of a step of the ladder, from 0, which changes nothing, to `STRICTER_STEPS`; none is ever raised.

    Raises:
        ValueError: the step is not on the ladder, or a setting is still `auto`.

    Example:
        >>> stricter(JaccardSettings(k1=30), DbscanSettings(eps=0.6), 1)[0].k1
        18
    """
    if not 0 <= step <= STRICTER_STEPS:
        raise ValueError(f"steps go from 0 to {STRICTER_STEPS}, got {step}")
    if step == 0:
        return jaccard, dbscan
    factor = _FEWER_NEIGHBORS**step
    (wide, near), (eps, samples) = jaccard.numbers, dbscan.numbers
    k1 = min(wide, max(_LEAST_K1, round(wide * factor)))
    k2 = min(near, k1, max(_LEAST_K2, round(near * factor)))
    samples = min(samples, max(_LEAST_SAMPLES, samples - step))
    eps = min(eps, max(_LEAST_EPS, round(eps - _CLOSER * step, 4)))
    return (
        jaccard.model_copy(update={"k1": k1, "k2": k2}),
        dbscan.model_copy(update={"eps": eps, "min_samples": samples}),
    )


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
    features: FeatureRows,
    jaccard: JaccardSettings | None = None,
    settings: DbscanSettings | None = None,
    device: str = "cpu",
    copies: Int64[np.ndarray, " n"] | None = None,
    strictness: int = 0,
) -> Clustering:
    """Cluster the features of one round; `device` is the torch device of the neighbor search.

    A matrix (an array, a tensor or lists) is scaled to unit rows. Settings are the defaults when None.
    `copies` are near-copies from `group_near_copies`: one crop of each group is clustered, the others get its label.
    `strictness` is a step of the ladder of `reseen.cluster.jaccard_dbscan`, 0 for the settings as they are.

    Raises:
        DataError: the features are no matrix of finite numbers, or a row is zero.
        TrainingError: fewer than two clusters with the given settings and with all relaxed ones.

    Example:
        labels = cluster_features(features, JaccardSettings(k1=30), DbscanSettings(eps=0.6)).labels
    """
    jaccard, settings = jaccard or JaccardSettings(), settings or DbscanSettings()
    return cluster_distinct(
        as_features(features),
        copies,
        lambda distinct: _cluster(distinct, jaccard, settings, device, strictness),
    )


def _cluster(
    features: Features, jaccard: JaccardSettings, settings: DbscanSettings, device: str, strictness: int
) -> Clustering:
    if len(features) < _FEWEST_SAMPLES:
        raise TrainingError(f"clustering needs at least {_FEWEST_SAMPLES} images, got {len(features)}")
    began = time.perf_counter()
    notes: list[str] = []
    if is_auto(jaccard, settings):
        choice = choose_settings(features, jaccard, settings, device)
        notes.append(str(choice))
        jaccard, settings = choice.jaccard, choice.dbscan
    jaccard, settings = stricter(jaccard, settings, strictness)
    eps, min_samples = settings.numbers
    if strictness:
        notes.append(
            f"stricter, step {strictness}: k1 {jaccard.k1}, eps {eps:.2f}, min_samples {min_samples}"
        )
    chosen = time.perf_counter()
    neighbors = nearest(features, jaccard.columns, device)
    searched = time.perf_counter()

    def graph(threshold: float) -> csr_array:
        return jaccard_distance(features, neighbors, jaccard, threshold, device)

    distances = graph(eps)
    compared = time.perf_counter()
    outcome = _Outcome(dbscan(distances, eps, min_samples), eps, min_samples)
    if outcome.labels.cluster_count < 2:
        outcome = _relax(outcome, graph, distances, notes)
    return Clustering(
        labels=outcome.labels,
        eps=outcome.eps,
        notes=tuple(notes),
        seconds={
            "auto": chosen - began,
            "neighbors": searched - chosen,
            "jaccard": compared - searched,
            "dbscan": time.perf_counter() - compared,  # including retries
        },
    )


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
        f"clustering.eps {first.eps:.2f} and clustering.min_samples {first.min_samples}, "
        f"and fewer than two down to min_samples {last.min_samples} "
        f"and {'up' if upward else 'down'} to eps {last.eps:.2f}; "
    )
    if upward:
        return outcome + (
            "add more images of each person, start from pretrained weights, or lower clustering.jaccard.k1"
        )
    return outcome + (
        "check that the images show more than one person, start from pretrained weights, "
        "or lower clustering.jaccard.k1 or clustering.eps"
    )
