"""Optional steps before ranking: queries in the gallery, query expansion, re-ranking. The score records each."""

from dataclasses import replace

import numpy as np
import torch

from reseen.errors import DataError
from reseen.evaluate.task import RetrievalTask
from reseen.neighbors import Reranked, RerankSettings, expand_queries
from reseen.records import UNKNOWN_CAMERA, Features


def add_queries(task: RetrievalTask) -> RetrievalTask:
    """The task with its queries included in the gallery, as in the official evaluation of MARS.

    A query does not match itself, since the same person under the same camera is removed.

    Raises:
        DataError: a query's camera is unknown, so that it would match itself.
    """
    if bool((task.query_cameras == UNKNOWN_CAMERA).any()):
        raise DataError(
            "queries can only be added to the gallery if their cameras are known, else each would match itself; "
            "give cameras, or leave the queries out of the gallery"
        )
    return replace(
        task,
        gallery=Features(torch.cat([task.gallery.vectors, task.query.vectors]), task.gallery.raw),
        gallery_identities=np.concatenate([task.gallery_identities, task.query_identities]),
        gallery_cameras=np.concatenate([task.gallery_cameras, task.query_cameras]),
        preparation=replace(task.preparation, queries_in_gallery=True),
    )


def expand(task: RetrievalTask, count: int, power: float = 0.0) -> RetrievalTask:
    """The task with queries expanded by their top `count` results (AQE, or alpha-QE with `power` above 0).

    Junk is never among the results. See `reseen.neighbors.expand_queries`.

    Raises:
        SettingsError: `count` or `power` is out of range.
    """
    weighting = "average" if power == 0 else f"weighted by similarity to the power of {power:g}"
    gallery = Features(task.kept_gallery, task.gallery.raw)
    return replace(
        task,
        query=expand_queries(task.query, gallery, count, power),
        preparation=replace(task.preparation, query_expansion=f"first {count} answers, {weighting}"),
    )


def rerank(task: RetrievalTask, settings: RerankSettings) -> RetrievalTask:
    """The task ranked by k-reciprocal re-ranking of queries and gallery without junk.

    Raises:
        SettingsError: features are raw, or the memory limit is too low.
    """
    gallery = Features(task.kept_gallery, task.gallery.raw)
    return replace(
        task,
        similarities=Reranked(task.query, gallery, settings),
        preparation=replace(task.preparation, reranking=settings.text),
    )
