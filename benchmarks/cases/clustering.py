"""Jaccard distances and DBSCAN against the k-NN search alone, with the memory they take."""

import statistics
from dataclasses import dataclass
from typing import Any

from cases.case import Case, Options, row, timed
from cases.memory import peak_bytes, reset_peak
from cases.mixture import mixture
from reseen.cluster import choose_eps, dbscan
from reseen.cluster.auto_settings import CANDIDATES
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.records import PseudoLabels

_EPS = 0.6
_RATIO_GOAL = 1.5


@dataclass(frozen=True)
class _Size:
    images: int
    dimension: int
    people: int

    def __str__(self) -> str:
        return f"{self.images:,} x {self.dimension:,}"


def _run(size: _Size, memory_goal: float, options: Options) -> dict[str, Any]:
    if options.quick:
        size = _Size(size.images // 16, size.dimension // 8, size.people // 16)
    _warm_up()
    features = mixture(size.images, size.dimension, size.people).features
    before = reset_peak()
    settings = JaccardSettings()
    neighbors = nearest(features, settings.columns)

    def cluster() -> PseudoLabels:
        return dbscan(jaccard_distance(features, neighbors, settings, _EPS), _EPS, 4)

    def cluster_auto() -> PseudoLabels:
        graph = jaccard_distance(features, neighbors, settings, CANDIDATES[-1])
        return dbscan(graph, choose_eps(graph, 4).eps, 4)

    labels = cluster()
    peak = peak_bytes()  # before the runs with eps `auto`, which are a row of their own
    search, ours, automatic = timed(
        options.repeat, lambda: nearest(features, settings.columns), cluster, cluster_auto
    )
    ratio = statistics.median(ours) / statistics.median(search)
    met = (peak - before) / 1e9 < memory_goal and ratio <= _RATIO_GOAL
    beside = peak - features.numpy.nbytes
    note = (
        f"{labels.cluster_count:,} clusters of {size.people:,} people, {labels.noise_share:.0%} noise; "
        f"search, Jaccard and DBSCAN add {(peak - before) / 1e9:.2f} GB; whole process {beside / 1e9:.2f} GB "
        f"beside {features.numpy.nbytes / 1e9:.2f} GB of features"
    )
    shared = {"against": "k-NN search alone", "against_seconds": search}
    shared["limit"] = f"the search: {2 * size.images**2 * size.dimension / 1e9:.0f} GFLOP"
    judged = None if options.quick else met
    return {
        "rows": [
            row(f"Jaccard and DBSCAN {size}", ours, **shared, note=note, goal_met=judged),
            row(f"the same, eps auto of {len(CANDIDATES)}", automatic, **shared),
        ],
        "memory": {
            "before_bytes": before,
            "peak_bytes": peak,
            "added_bytes": peak - before,
            "process_beside_features_bytes": beside,
            "features_bytes": features.numpy.nbytes,
        },
    }


def _warm_up() -> None:
    """Load the libraries and compiled kernels, which are no part of the memory that clustering adds."""
    small, settings = mixture(200, 8, 10).features, JaccardSettings()
    dbscan(jaccard_distance(small, nearest(small, settings.columns), settings, _EPS), _EPS, 4)


def _market(options: Options) -> dict[str, Any]:
    return _run(_Size(12_767, 2_048, 750), 0.6, options)


def _msmt17(options: Options) -> dict[str, Any]:
    return _run(_Size(32_271, 256, 1_041), 1.0, options)


CLUSTERING_MARKET = Case(
    "clustering-market",
    f"at most {_RATIO_GOAL}x the k-NN search; adds under 0.6 GB to libraries and features",
    _market,
)
CLUSTERING_MSMT17 = Case(
    "clustering-msmt17",
    f"at most {_RATIO_GOAL}x the k-NN search; adds under 1 GB to libraries and features",
    _msmt17,
)
