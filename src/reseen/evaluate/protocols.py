"""Published evaluation protocols on plain arrays; `sampled_protocols` holds those with randomly drawn galleries."""

import numpy as np
from jaxtyping import Float32, Int64

from reseen.evaluate.metrics import RetrievalScore, evaluate
from reseen.evaluate.refine import POOLING, Tracklets, pool_tracklets
from reseen.evaluate.scoring import ScoringOptions, score_by
from reseen.evaluate.task import Preparation, RetrievalTask
from reseen.geometry import FeatureRows


def market(
    query: FeatureRows,
    gallery: FeatureRows,
    query_identities: Int64[np.ndarray, " q"],
    query_cameras: Int64[np.ndarray, " q"],
    gallery_identities: Int64[np.ndarray, " g"],
    gallery_cameras: Int64[np.ndarray, " g"],
) -> RetrievalScore:
    """Score by Market-1501's single-query protocol, also that of DukeMTMC-reID, MSMT17 and VeRi-776.

    For each query, gallery images of the same person under the same camera are removed; other people under that
    camera stay. Junk (identity -1) is removed, distractors (identity 0) stay. Queries without a correct match are
    skipped, not counted as 0. Average precision follows the step rule; the original toolbox uses the trapezoidal
    rule, which differs by some tenths of a point.

    Reference: Zheng et al. 2015, "Scalable person re-identification: a benchmark", section 5.

    Raises:
        DataError: shapes do not match, or no query has a correct match.

    Example:
        >>> market(query, gallery, query_identities, query_cameras, gallery_identities, gallery_cameras).cmc[1]
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
    gallery_frames: Float32[np.ndarray, "n d"],
    gallery_identities: Int64[np.ndarray, " n"],
    gallery_cameras: Int64[np.ndarray, " n"],
    *,
    query_tracklets: Int64[np.ndarray, " m"],
    gallery_tracklets: Int64[np.ndarray, " n"],
    queries_in_gallery: bool = False,
) -> RetrievalScore:
    """Score by Market's protocol on tracklets: frame features are averaged, then normalized once.

    The official script of MARS adds the query tracklets to the gallery; without them 140 of its queries have no
    correct match. Most later code leaves them out. The score records `queries_in_gallery`.

    Reference: Zheng et al. 2016, "MARS: a video benchmark for large-scale person re-identification", section 5.

    Raises:
        DataError: shapes do not match, a tracklet has two identities or cameras, or no query has a correct match.
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
    """The retrieval task of query tracklets against gallery tracklets; it records how they were pooled."""
    return RetrievalTask(
        query.features,
        gallery.features,
        query.identities,
        query.cameras,
        gallery.identities,
        gallery.cameras,
        Preparation(mirrored=mirrored, tracklets=POOLING),
    )
