"""The approximate engine of hierarchical clustering: against the exact one, and where that would take hours."""

import time
from typing import Any

import faiss
import torch
from sklearn.metrics import adjusted_rand_score

from cases.case import Case, Options, row
from cases.memory import peak_bytes, reset_peak
from cases.mixture import Mixture, mixture
from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy

_DIMENSION = 256
_IMAGES_PER_PERSON = 17
_AGREEMENT_GOAL = 0.98
_SECONDS_GOAL, _BYTES_GOAL = 20 * 60, 8e9
_NEIGHBORS, _SEARCHED = 30, 4_096


def _drawn(images: int, options: Options) -> Mixture:
    images //= 50 if options.quick else 1
    for engine in ("search", "approximate"):  # libraries load and loops compile before anything counts
        grow_hierarchy(mixture(400, 8, 10).features.numpy, HierarchySettings(engine=engine))
    return mixture(images, _DIMENSION, images // _IMAGES_PER_PERSON)


def _agreement(options: Options) -> dict[str, Any]:
    """Labels of the two engines; one timed run each, since they take minutes."""
    drawn = _drawn(100_000, options)
    vectors, seconds, labels = drawn.features.numpy, {}, {}
    for engine in ("search", "approximate"):
        began = time.perf_counter()
        labels[engine] = grow_hierarchy(vectors, HierarchySettings(engine=engine)).labels.labels
        seconds[engine] = time.perf_counter() - began
    agreement = adjusted_rand_score(labels["search"], labels["approximate"])
    known = drawn.identities >= 0
    exact, near = (adjusted_rand_score(drawn.identities[known], labels[name][known]) for name in labels)
    return {
        "rows": [
            row(
                f"13 steps of 7 % merged, approximate, {len(vectors):,} x {_DIMENSION}",
                [seconds["approximate"]],
                against="the exact engine",
                against_seconds=[seconds["search"]],
                limit="",
                note=f"adjusted Rand index of the two {agreement:.4f}; to people: exact {exact:.4f}, "
                f"approximate {near:.4f}",
                goal_met=None if options.quick else agreement >= _AGREEMENT_GOAL,
            )
        ],
        "agreement": agreement,
        "agreement_with_people": {"exact": exact, "approximate": near},
    }


def _million(options: Options) -> dict[str, Any]:
    """A million rows, once; against an exact search that is timed for some of them."""
    drawn = _drawn(1_000_000, options)
    features = drawn.features
    before = reset_peak()
    began = time.perf_counter()
    found = grow_hierarchy(features.numpy, HierarchySettings(engine="approximate"))
    seconds = time.perf_counter() - began
    labels, peak = found.labels, peak_bytes()
    known = drawn.identities >= 0
    agreement = adjusted_rand_score(drawn.identities[known], labels.labels[known])
    faiss.omp_set_num_threads(torch.get_num_threads())
    began = time.perf_counter()
    faiss.knn(features.numpy[:_SEARCHED], features.numpy, _NEIGHBORS, metric=faiss.METRIC_INNER_PRODUCT)
    search = (time.perf_counter() - began) * len(features) / _SEARCHED
    return {
        "rows": [
            row(
                f"13 steps of 7 % merged, approximate, {len(features):,} x {_DIMENSION}",
                [seconds],
                against=f"one exact search of {_NEIGHBORS} neighbors, reckoned from {_SEARCHED:,} of the rows",
                against_seconds=[search],
                limit="",
                note=f"{labels.cluster_count:,} clusters, adjusted Rand index to people {agreement:.3f}; adds "
                f"{(peak - before) / 1e9:.2f} GB, whole process {peak / 1e9:.2f} GB; {found.notes[0]}",
                goal_met=None if options.quick else seconds <= _SECONDS_GOAL and peak <= _BYTES_GOAL,
            )
        ],
        "memory": {"before_bytes": before, "peak_bytes": peak, "added_bytes": peak - before},
    }


HIERARCHY_APPROXIMATE = Case(
    "hierarchy-approximate", f"adjusted Rand index of {_AGREEMENT_GOAL} to the exact engine", _agreement
)
HIERARCHY_MILLION = Case("hierarchy-million", "under 20 minutes and 8 GB on two cores", _million)
