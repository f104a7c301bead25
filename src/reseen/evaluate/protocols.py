"""Published rules by name, on plain arrays; `single_shot` and `random_gallery` beside this hold those that draw."""

import numpy as np
from jaxtyping import Float32, Int64

from reseen.evaluate.metrics import RetrievalScore, evaluate
from reseen.evaluate.scoring import ScoringOptions, score_by
from reseen.evaluate.task import Preparation, RetrievalTask
from reseen.evaluate.tracklets import POOLING, Tracklets, pool_tracklets
from reseen.records import Features


def market(
    query: Features,
    gallery: Features,
    query_identities: Int64[np.ndarray, " q"],
    query_cameras: Int64[np.ndarray, " q"],
    gallery_identities: Int64[np.ndarray, " g"],
    gallery_cameras: Int64[np.ndarray, " g"],
) -> RetrievalScore:
    """Market-1501's single-query rules, which DukeMTMC-reID, MSMT17 and VeRi-776 share.

    Per query, gallery images of the same person under the same camera are taken out; the same camera with
    another person stays. Junk (identity -1) is dropped, distractors (identity 0) stay. A query with no right
    answer left is skipped, not counted as 0. Average precision is the step rule; the original toolbox used a
    trapezoid, which differs by some tenths of a point.

    Reference: Zheng et al. 2015, "Scalable person re-identification: a benchmark", section 5.

    Raises:
        DataError: shapes do not fit, or not one query has a right answer.
    """
    return evaluate(
        query,
        query_identities,
        query_cameras,
        gallery,
        gallery_identities,
        gallery_cameras,
        protocol="market",
    )


def video(
    query_frames: Float32[np.ndarray, "m d"],
    query_identities: Int64[np.ndarray, " m"],
    query_cameras: Int64[np.ndarray, " m"],
    query_tracklets: Int64[np.ndarray, " m"],
    gallery_frames: Float32[np.ndarray, "n d"],
    gallery_identities: Int64[np.ndarray, " n"],
    gallery_cameras: Int64[np.ndarray, " n"],
    gallery_tracklets: Int64[np.ndarray, " n"],
    *,
    queries_in_gallery: bool = False,
) -> RetrievalScore:
    """Market's rules on tracklets: frames are averaged, then normalized once, whatever their lengths were.

    The official script of MARS adds the query tracklets to the gallery; without them 140 of its queries have no
    right answer. Most later codes leave them out. The score says which it was.

    Reference: Zheng et al. 2016, "MARS: a video benchmark for large-scale person re-identification", section 5.

    Raises:
        DataError: arrays do not fit, a tracklet is two people's, or no query can be scored.
    """
    query = pool_tracklets(query_frames, query_identities, query_cameras, query_tracklets, "query")
    gallery = pool_tracklets(
        gallery_frames, gallery_identities, gallery_cameras, gallery_tracklets, "gallery"
    )
    return score_by(
        tracklet_task(query, gallery),
        ScoringOptions(protocol="video", queries_in_gallery=queries_in_gallery),
    )


def tracklet_task(query: Tracklets, gallery: Tracklets, mirrored: bool = False) -> RetrievalTask:
    """Tracklets against tracklets; the score will say how they were pooled."""
    return RetrievalTask(
        query.features,
        gallery.features,
        query.identities,
        query.cameras,
        gallery.identities,
        gallery.cameras,
        Preparation(mirrored=mirrored, tracklets=POOLING),
    )
