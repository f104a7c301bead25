"""Protocols with randomly drawn galleries of one image per identity: the classic one of CUHK03, and VehicleID's.

CUHK03 (classic) draws a gallery for each query. Reference: Li et al. 2014, "DeepReID", section 5; as in later work,
with ten draws per query, and mean average precision over the whole gallery.

VehicleID has no cameras: one random image of each vehicle forms the gallery, all others are queries. Reference: Liu
et al. 2016, "Deep relative distance learning: tell the difference between similar vehicles", section 5.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Float64, Int64

from reseen.errors import DataError
from reseen.evaluate.metrics import CMC_RANKS, RetrievalScore, score
from reseen.evaluate.ranking import PrecisionRule
from reseen.evaluate.task import DISTRACTOR, Preparation, RetrievalTask, similarity_blocks
from reseen.geometry import FeatureRows, as_features
from reseen.records import UNKNOWN_CAMERA, Features, as_array

SINGLE_SHOT_DRAWS = 10
"""Default number of galleries drawn for each query by `cuhk03_classic`."""


def cuhk03_classic(
    task: RetrievalTask,
    *,
    draws: int = SINGLE_SHOT_DRAWS,
    seed: int = 0,
    average_precision: PrecisionRule = "step",
    details: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> RetrievalScore:
    """Score by CUHK03's classic protocol: CMC in single-shot galleries, mAP and mINP over the whole gallery.

    CMC is the mean over `draws` galleries of one image per identity, drawn per query from `seed`. Images of the
    query's person under its own camera are removed first, so cameras need only be numbered within a person: CUHK03's
    camera pairs are not comparable, and details have no camera pairs. One task is one of the 20 splits of CUHK03;
    average the scores of all.

    Raises:
        DataError: no query has a correct match.

    Example:
        >>> cuhk03_classic(task, draws=10).cmc[1]
    """
    whole = score(
        task,
        "cuhk03-classic",
        average_precision=average_precision,
        details=details,
        seed=seed,
        progress=progress,
    )
    hits = single_shot_hits(task, draws, seed)[task.positive_counts > 0].mean(axis=0)
    if whole.details is not None:
        intervals = {"mAP": whole.details.intervals["mAP"]}
        whole = replace(whole, details=replace(whole.details, intervals=intervals, camera_pairs=None))
    return replace(
        whole,
        cmc=dict(zip(CMC_RANKS, hits.tolist(), strict=True)),
        extra_rules={"cmc_gallery": f"one image per person, {draws} draws per query, seed {seed}"},
    )


def single_shot_hits(task: RetrievalTask, draws: int, seed: int) -> Float64[np.ndarray, "q ranks"]:
    """The share of draws with the correct match in the top k, by query and k of `CMC_RANKS`; 0 without a match."""
    hits = np.zeros((len(task.query), len(CMC_RANKS)))
    generator = np.random.default_rng(seed)
    for first, block in similarity_blocks(task):
        for row, similarities in enumerate(block):
            if task.positive_counts[first + row]:
                ranks = _drawn_ranks(task, first + row, similarities, draws, generator)
                hits[first + row] = [(ranks <= k).mean() for k in CMC_RANKS]
    return hits


def _drawn_ranks(
    task: RetrievalTask,
    query: int,
    similarities: Float32[np.ndarray, " g"],
    draws: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """The rank of the correct match in each of `draws` single-shot galleries."""
    matches = task.matches
    identities = task.gallery_identities[task.kept][matches.order]
    _, starts, sizes = np.unique(identities, return_index=True, return_counts=True)
    own = int(np.searchsorted(starts, matches.starts[query]))
    group = slice(matches.starts[query], matches.stops[query])
    allowed = np.arange(matches.starts[query], matches.stops[query])[
        (matches.cameras[group] != task.query_cameras[query]) | (task.query_cameras[query] < 0)
    ]
    uniform = generator.random((draws, len(starts)))
    others = similarities[matches.order[starts + (uniform * sizes).astype(np.int64)]]
    correct = similarities[matches.order[allowed[(uniform[:, own] * len(allowed)).astype(np.int64)]]]
    others[:, own] = -np.inf
    return 1 + (others >= correct[:, None]).sum(axis=1)  # ties are broken pessimistically


DRAWS = 10
"""Default number of galleries drawn by `vehicle_id`."""

_NO_CAMERAS = (
    "the protocol vehicleid knows no cameras: matches under the query's own camera count as right answers, so this "
    "score is not comparable with one under known cameras"
)


def vehicle_id(
    features: FeatureRows,
    identities: Int64[np.ndarray, " n"],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    average_precision: PrecisionRule = "step",
    preparation: Preparation | None = None,
    refine: Callable[[RetrievalTask], RetrievalTask] = lambda task: task,
    progress: Callable[[int], None] = lambda _: None,
) -> RetrievalScore:
    """Score by VehicleID's protocol: means over `draws` random galleries of one image per vehicle.

    A vehicle with one image is in every gallery and never a query. There is one correct match per query, so mAP is
    the mean reciprocal rank. Junk and distractors, identities below 1, are not allowed. `refine` is applied to the
    task of each draw, such as re-ranking.

    Raises:
        DataError: lengths differ, an identity is below 1, or no vehicle has two images.

    Example:
        >>> vehicle_id(features, identities, draws=10).mean_average_precision
    """
    features, identities = as_features(features), as_array(identities)
    if len(identities) != len(features):
        raise DataError(
            f"expected one identity per feature row, found {len(identities)} for {len(features)} rows"
        )
    if len(identities) and int(identities.min()) <= DISTRACTOR:
        raise DataError(f"vehicleid: identities are 1 and up, found {int(identities.min())}")
    sizes = np.unique(identities, return_counts=True)[1]
    if not (sizes > 1).any():
        raise DataError(
            f"nothing to score: none of {len(sizes)} vehicles has two images, one for the gallery and one as a query"
        )
    generator = np.random.default_rng(seed)
    scores, total, count = [], np.zeros(len(identities)), np.zeros(len(identities))
    for _ in range(draws):
        gallery = draw_gallery(identities, generator)
        query = np.setdiff1d(np.arange(len(identities)), gallery)
        task = refine(_task(features, identities, query, gallery, preparation or Preparation()))
        scores.append(score(task, "vehicleid", average_precision=average_precision, progress=progress))
        total[query] += np.nan_to_num(scores[-1].per_query_average_precision)
        count[query] += 1
    return _mean(scores, total, count, draws, seed)


def draw_gallery(
    identities: Int64[np.ndarray, " n"], generator: np.random.Generator
) -> Int64[np.ndarray, " g"]:
    """One random row of each identity, ascending."""
    order = generator.permutation(len(identities))
    return np.sort(order[np.unique(identities[order], return_index=True)[1]])


def _task(
    features: Features,
    identities: Int64[np.ndarray, " n"],
    query: Int64[np.ndarray, " q"],
    gallery: Int64[np.ndarray, " g"],
    preparation: Preparation,
) -> RetrievalTask:
    unknown = np.full(len(identities), UNKNOWN_CAMERA, dtype=np.int64)
    return RetrievalTask(
        Features(features.vectors[query], features.raw),
        Features(features.vectors[gallery], features.raw),
        identities[query],
        unknown[query],
        identities[gallery],
        unknown[gallery],
        preparation,
    )


def _mean(
    scores: list[RetrievalScore], total: np.ndarray, count: np.ndarray, draws: int, seed: int
) -> RetrievalScore:
    precisions = np.array([drawn.mean_average_precision for drawn in scores])
    cmc = {k: np.array([drawn.cmc[k] for drawn in scores]) for k in scores[0].cmc}
    deviation = precisions.std(ddof=1) if draws > 1 else 0.0
    return replace(
        scores[0],
        mean_average_precision=float(precisions.mean()),
        cmc={k: float(values.mean()) for k, values in cmc.items()},
        mean_inverse_negative_penalty=float(
            np.mean([drawn.mean_inverse_negative_penalty for drawn in scores])
        ),
        per_query_average_precision=np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0),
        notes=(_NO_CAMERAS,),
        extra_rules={
            "cameras": "none",
            "gallery_draws": f"one image per vehicle, {draws} draws, seed {seed}",
            "mAP_standard_deviation_over_draws": float(deviation),
        },
    )
