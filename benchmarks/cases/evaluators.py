"""Evaluators as others write them: every list sorted in full, query by query in Python."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from reseen.evaluate import RetrievalTask


def sorting(task: RetrievalTask) -> float:
    """MAP by the usual plan: one matrix of distances, one argsort of all of it, then a loop over queries."""
    distances = 1 - (task.query.vectors @ task.gallery.vectors.T).numpy()
    order = np.argsort(distances, axis=1)
    right = (task.gallery_identities[order] == task.query_identities[:, None]).astype(np.int32)
    precisions = []
    for row in range(len(order)):
        people, cameras = task.gallery_identities[order[row]], task.gallery_cameras[order[row]]
        removed = (people == task.query_identities[row]) & (cameras == task.query_cameras[row])
        hits = right[row][~removed]
        if not hits.any():
            continue
        found = np.cumsum(hits)
        precision = found / np.arange(1, len(hits) + 1)
        precisions.append((precision * hits).sum() / hits.sum())
    return float(np.mean(precisions))


def scikit_learn(task: RetrievalTask) -> float:
    """MAP with scikit-learn's average precision of each query, after its own images are taken out."""
    similarities = (task.query.vectors @ task.gallery.vectors.T).numpy()
    precisions = []
    for row in range(len(similarities)):
        same = task.gallery_identities == task.query_identities[row]
        kept = ~(same & (task.gallery_cameras == task.query_cameras[row]))
        if same[kept].any():
            precisions.append(average_precision_score(same[kept], similarities[row][kept]))
    return float(np.mean(precisions))


def peer() -> tuple[str, Callable[[RetrievalTask], float]]:
    """The evaluator of torchreid in pure Python where it can be imported, else one of the same plan."""
    try:
        from torchreid.reid.metrics.rank import evaluate_rank  # pyrefly: ignore
    except ImportError:
        return "sort of every list and a Python loop, torchreid's plan", sorting

    def torchreid(task: RetrievalTask) -> float:
        distances = 1 - (task.query.vectors @ task.gallery.vectors.T).numpy()
        labels = (task.query_identities, task.gallery_identities, task.query_cameras, task.gallery_cameras)
        return float(evaluate_rank(distances, *labels, use_cython=False)[1])

    return "torchreid's evaluator, pure Python", torchreid


def once(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of one call that takes too long to repeat, and what it gave."""
    began = time.perf_counter()
    result = function()
    return time.perf_counter() - began, result
