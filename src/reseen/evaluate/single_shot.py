"""CUHK03's first protocol: a gallery of one image per person, drawn anew for every query.

Reference: Li et al. 2014, "DeepReID", section 5; the draws follow the rule that later work settled on: ten draws per
query, and mean average precision over the whole gallery.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Float64

from reseen.evaluate.metrics import CMC_RANKS, RetrievalScore, score
from reseen.evaluate.precision import PrecisionRule
from reseen.evaluate.task import RetrievalTask, similarity_blocks

DRAWS = 10
"""Galleries drawn for each query."""


def cuhk03_classic(
    task: RetrievalTask,
    *,
    draws: int = DRAWS,
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
