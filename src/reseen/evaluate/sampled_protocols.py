"""CUHK03's first protocol: a gallery of one image per person, drawn anew for every query.

Reference: Li et al. 2014, "DeepReID", section 5; the draws follow the rule that later work settled on: ten draws per
query, and mean average precision over the whole gallery.

VehicleID's protocol: no cameras, one random image of each vehicle is the gallery, all others are queries.

Reference: Liu et al. 2016, "Deep relative distance learning: tell the difference between similar vehicles", section 5.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Float64, Int64

from reseen.errors import DataError
from reseen.evaluate.average_precision import PrecisionRule
from reseen.evaluate.matches import DISTRACTOR
from reseen.evaluate.metrics import CMC_RANKS, RetrievalScore, score
from reseen.evaluate.task import Preparation, RetrievalTask, similarity_blocks
from reseen.records import UNKNOWN_CAMERA, Features

SINGLE_SHOT_DRAWS = 10
"""Galleries drawn for each query."""


def cuhk03_classic(
    task: RetrievalTask,
    *,
    draws: int = SINGLE_SHOT_DRAWS,
    seed: int = 0,
    average_precision: PrecisionRule = "step",
    details: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> RetrievalScore:
    """CMC in galleries of one image per identity, mean over `draws` of them; mAP and mINP over the whole gallery.

    For each query, images of its person under its own camera are taken out first, so cameras only have to be
    numbered within a person: CUHK03's camera pairs are not comparable, and no matrix of cameras is given. One split
    of CUHK03 is one task; give each of its twenty and take the mean.

    Raises:
        DataError: not one query has a right answer.
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
    """Per query the share of draws with the right image among the first k, for each k of `CMC_RANKS`; 0 for none."""
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
    answers = task.answers
    identities = task.gallery_identities[task.kept][answers.order]
    _, starts, sizes = np.unique(identities, return_index=True, return_counts=True)
    own = int(np.searchsorted(starts, answers.starts[query]))
    group = slice(answers.starts[query], answers.stops[query])
    allowed = np.arange(answers.starts[query], answers.stops[query])[
        (answers.cameras[group] != task.query_cameras[query]) | (task.query_cameras[query] < 0)
    ]
    chance = generator.random((draws, len(starts)))
    drawn = similarities[answers.order[starts + (chance * sizes).astype(np.int64)]]
    right = similarities[answers.order[allowed[(chance[:, own] * len(allowed)).astype(np.int64)]]]
    drawn[:, own] = -np.inf
    return 1 + (drawn >= right[:, None]).sum(axis=1)  # a wrong image wins a tie


DRAWS = 10
"""Galleries drawn."""

_NO_CAMERAS = (
    "the protocol vehicleid knows no cameras: matches under the query's own camera count as right answers, so this "
    "score is not comparable with one under known cameras"
)


def vehicle_id(
    features: Features,
    identities: Int64[np.ndarray, " n"],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    average_precision: PrecisionRule = "step",
    preparation: Preparation | None = None,
    refine: Callable[[RetrievalTask], RetrievalTask] = lambda task: task,
    progress: Callable[[int], None] = lambda _: None,
) -> RetrievalScore:
    """Means over `draws` galleries; a vehicle seen once is in every gallery and never asked for.

    There is one right answer per query, so mAP is the mean of one over its rank. Junk and distractors, identities
    below 1, have no place here. `refine` is done to each draw's task.

    Raises:
        DataError: an identity below 1, or no vehicle with two images.
    """
    if len(identities) != len(features):
        raise DataError(
            f"one identity per feature row wanted, found {len(identities)} for {len(features)} rows"
        )
    if len(identities) and int(identities.min()) <= DISTRACTOR:
        raise DataError(f"vehicleid: identities are 1 and up, found {int(identities.min())}")
    sizes = np.unique(identities, return_counts=True)[1]
    if not (sizes > 1).any():
        raise DataError(
            f"nothing to score: none of {len(sizes)} vehicles has two images, one for the gallery and one to ask for"
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
    precisions = np.array([one.mean_average_precision for one in scores])
    cmc = {k: np.array([one.cmc[k] for one in scores]) for k in scores[0].cmc}
    spread = precisions.std(ddof=1) if draws > 1 else 0.0
    return replace(
        scores[0],
        mean_average_precision=float(precisions.mean()),
        cmc={k: float(values.mean()) for k, values in cmc.items()},
        mean_inverse_negative_penalty=float(np.mean([one.mean_inverse_negative_penalty for one in scores])),
        per_query_average_precision=np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0),
        notes=(_NO_CAMERAS,),
        extra_rules={
            "cameras": "none",
            "gallery_draws": f"one image per vehicle, {draws} draws, seed {seed}",
            "mAP_standard_deviation_over_draws": float(spread),
        },
    )
