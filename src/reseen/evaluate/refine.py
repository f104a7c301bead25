"""Optional steps before ranking: camera centering, queries in the gallery, query expansion, re-ranking.

The score records each.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int64

from reseen.camera_means import PRIOR_SIGHTINGS, CameraCenters, CameraMeans, camera_centers
from reseen.errors import DataError
from reseen.evaluate.task import RetrievalTask
from reseen.neighbors import Reranked, RerankSettings, expand_queries
from reseen.records import UNKNOWN_CAMERA, Features


def centers_of(
    task: RetrievalTask,
    names: Sequence[str],
    pool: CameraMeans | None = None,
    tracklets: Int64[np.ndarray, " g"] | None = None,
) -> CameraCenters | str:
    """What to subtract from vectors by camera, or a sentence on why nothing is; of labels it reads junk alone.

    Args:
        task: the task; the means are those of its gallery without junk.
        names: names of its cameras by index.
        pool: means of the training crops, which few crops are shrunk towards.
        tracklets: tracklet of each gallery row, -1 where unknown; rows of one count once.
    """
    if task.gallery.raw:
        return "raw features have lengths of their own, and cameras are centered on the unit sphere alone"
    kept = task.kept
    return camera_centers(
        CameraMeans.measure(
            task.kept_gallery.numpy(),
            task.gallery_cameras[kept],
            names,
            None if tracklets is None else tracklets[kept],
        ),
        pool,
    )


def center(task: RetrievalTask, names: Sequence[str], centers: CameraCenters) -> RetrievalTask:
    """The task with the center of its camera subtracted from every vector; see `centers_of`."""

    def of(features: Features, cameras: Int64[np.ndarray, " n"]) -> Features:
        named = [None if camera == UNKNOWN_CAMERA else names[camera] for camera in cameras.tolist()]
        return Features(torch.from_numpy(centers.center(features.numpy, named)))

    done = (
        f"mean of the gallery's crops of a camera, {PRIOR_SIGHTINGS} sightings at that of training or of all"
    )
    return replace(
        task,
        query=of(task.query, task.query_cameras),
        gallery=of(task.gallery, task.gallery_cameras),
        preparation=replace(task.preparation, camera_centering=done),
    )


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
