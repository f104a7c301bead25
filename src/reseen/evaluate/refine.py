"""What may be done to a task before it is ranked; each step leaves a word in the score."""

from dataclasses import replace

import numpy as np
import torch

from reseen.errors import DataError
from reseen.evaluate.task import RetrievalTask
from reseen.neighbors import Reranked, RerankSettings, expand_queries
from reseen.records import UNKNOWN_CAMERA, Features


def add_queries(task: RetrievalTask) -> RetrievalTask:
    """The queries stand in the gallery, too, as in the official evaluation of MARS.

    A query is no answer to itself, since the rules take out the same person under the same camera.

    Raises:
        DataError: a query's camera is unknown, so that it would find itself.
    """
    if bool((task.query_cameras == UNKNOWN_CAMERA).any()):
        raise DataError(
            "queries can only be added to the gallery when their cameras are known, else each would find itself; "
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
    """Queries take in their `count` first answers, as `reseen.neighbors.expand_queries`; junk is never one.

    Raises:
        SettingsError: see there.
    """
    how = "average" if power == 0 else f"weighted by similarity to the power of {power:g}"
    gallery = Features(task.kept_gallery, task.gallery.raw)
    return replace(
        task,
        query=expand_queries(task.query, gallery, count, power),
        preparation=replace(task.preparation, query_expansion=f"first {count} answers, {how}"),
    )


def rerank(task: RetrievalTask, settings: RerankSettings) -> RetrievalTask:
    """Rank by k-reciprocal re-ranking of queries and gallery without junk.

    Raises:
        SettingsError: features are raw, or memory does not suffice.
    """
    gallery = Features(task.kept_gallery, task.gallery.raw)
    return replace(
        task,
        similarities=Reranked(task.query, gallery, settings),
        preparation=replace(task.preparation, reranking=settings.text),
    )
