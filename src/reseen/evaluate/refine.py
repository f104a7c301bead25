"""Optional steps before ranking: tracklet pooling, camera centering, queries in the gallery, expansion, re-ranking.

The score records each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, Int64

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


POOLING = "mean over frames, then normalized once"
"""How a score describes the pooling."""


@dataclass(frozen=True)
class Tracklets:
    """One row per tracklet, ordered by number; frames without a tracklet follow, each as its own tracklet."""

    features: Features
    identities: Int64[np.ndarray, " t"]
    cameras: Int64[np.ndarray, " t"]
    frames: Int64[np.ndarray, " t"]
    """Number of frames in each tracklet."""
    first: Int64[np.ndarray, " t"]
    """Row of the first frame of each tracklet, for display."""


def pool_tracklets(
    vectors: Float32[np.ndarray, "n d"],
    identities: Int64[np.ndarray, " n"],
    cameras: Int64[np.ndarray, " n"],
    tracklets: Int64[np.ndarray, " n"],
    side: str = "video",
) -> Tracklets:
    """The mean of the frame features of each tracklet, normalized once, after pooling.

    `vectors` should be the encoder's output before normalization, so that frames are weighted by their norm. A frame
    with tracklet -1 becomes its own tracklet. `side` is the name in messages.

    Reference: Zheng et al. 2016 (MARS), section 5, whose evaluation also normalizes once, after pooling.

    Raises:
        DataError: the arrays differ in length, a tracklet has two people or cameras, or the mean of its frames is zero.
    """
    lengths = {len(vectors), len(identities), len(cameras), len(tracklets)}
    if len(lengths) > 1:
        raise DataError(
            f"{side}: expected one identity, camera and tracklet per frame, found {len(identities)}, "
            f"{len(cameras)} and {len(tracklets)} for {len(vectors)} frames"
        )
    numbers = np.asarray(tracklets, dtype=np.int64).copy()
    single = np.flatnonzero(numbers < 0)
    numbers[single] = (numbers.max() if len(numbers) else -1) + 1 + np.arange(len(single))
    names, first, inverse, frames = np.unique(
        numbers, return_index=True, return_inverse=True, return_counts=True
    )
    for kind, values in (("people", identities), ("cameras", cameras)):
        mixed = np.flatnonzero(values != values[first][inverse])
        if len(mixed):
            row = int(mixed[0])
            raise DataError(
                f"{side}: tracklet {names[inverse[row]]} has two {kind}, {values[first][inverse][row]} and "
                f"{values[row]}; a tracklet is one person under one camera"
            )
    sums = torch.zeros((len(names), vectors.shape[1]), dtype=torch.float64)
    sums.index_add_(0, torch.from_numpy(inverse), torch.from_numpy(np.asarray(vectors, dtype=np.float64)))
    means = sums / torch.from_numpy(frames)[:, None]
    norms = means.norm(dim=1, keepdim=True)
    if bool((norms < 1e-12).any()):
        zero = int((norms[:, 0] < 1e-12).nonzero()[0])
        raise DataError(
            f"{side}: the frames of tracklet {names[zero]} average to zero, so it has no direction"
        )
    return Tracklets(Features((means / norms).float()), identities[first], cameras[first], frames, first)
