"""The ranks of all correct matches of every query, their average precision, and the top results of selected queries.

Ties are broken pessimistically, wrong results before correct ones, so that the order of files cannot change a score
and a constant encoder gains nothing. `reseen.evaluate.task` defines which gallery images are ranked.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64

from reseen.evaluate.task import Matches, RetrievalTask, similarity_blocks


@dataclass(frozen=True)
class PositiveRanks:
    """Ranks (from 1, ascending) of the correct matches; query q owns `ranks[offsets[q]:offsets[q + 1]]`."""

    ranks: Int64[np.ndarray, " m"]
    offsets: Int64[np.ndarray, " q_plus_1"]

    @property
    def first(self) -> Int64[np.ndarray, " q"]:
        """The rank of each query's first correct match; 0 without one."""
        result, valid = np.zeros(len(self.offsets) - 1, dtype=np.int64), np.diff(self.offsets) > 0
        result[valid] = self.ranks[self.offsets[:-1][valid]]
        return result

    @property
    def last(self) -> Int64[np.ndarray, " q"]:
        """The rank of each query's last correct match; 0 without one."""
        result, valid = np.zeros(len(self.offsets) - 1, dtype=np.int64), np.diff(self.offsets) > 0
        result[valid] = self.ranks[self.offsets[1:][valid] - 1]
        return result


@dataclass(frozen=True)
class Ranking:
    """The top k results of r queries, best first."""

    query_rows: Int64[np.ndarray, " r"]
    """Query rows of the task."""
    gallery_rows: Int64[np.ndarray, "r k"]
    """Gallery rows of the task; -1 pads lists shorter than k."""
    similarities: Float32[np.ndarray, "r k"]
    """Cosine, -1 to 1; for raw features 1 minus half the squared distance; after re-ranking the negative distance."""
    right: Bool[np.ndarray, "r k"]
    """Whether the result is a correct match, that is, has the query's identity."""


class RankCounter:
    """Computes the ranks of correct matches from blocks of similarities.

    Attributes:
        matches: the correct matches of each query among the columns of the blocks.
        ranks: ranks of the matches, filled block by block.
    """

    def __init__(self, matches: Matches, query_cameras: Int64[np.ndarray, " q"]) -> None:
        self.matches = matches
        self.ranks = np.empty(int(matches.offsets[-1]), dtype=np.int64)
        self._cameras = np.ascontiguousarray(query_cameras, dtype=np.int64)

    def add(self, pool: ThreadPoolExecutor, first: int, block: Float32[np.ndarray, "b g"]) -> None:
        """Rank one block, whose first row is query `first`, on as many threads as torch uses."""
        from reseen.evaluate.rank_kernel import write_ranks

        matches = self.matches
        shared = (matches.starts, matches.stops, matches.order, matches.cameras, matches.offsets, self.ranks)
        edges = np.linspace(0, len(block), torch.get_num_threads() + 1).astype(int)
        jobs = [
            pool.submit(write_ranks, block, start, stop, first, self._cameras, *shared)
            for start, stop in pairwise(edges)
        ]
        for job in jobs:
            job.result()

    @property
    def result(self) -> PositiveRanks:
        """The ranks, after all blocks."""
        return PositiveRanks(ranks=self.ranks, offsets=self.matches.offsets)


def rank_positives(task: RetrievalTask, progress: Callable[[int], None] = lambda _: None) -> PositiveRanks:
    """The rank of every correct match of every query, computed in blocks of queries.

    `progress` is called with the number of queries just ranked.

    Example:
        >>> rank_positives(task).first  # rank of the first correct match of each query
    """
    counter = RankCounter(task.matches, task.query_cameras)
    if len(counter.ranks):
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for first, block in similarity_blocks(task):
                counter.add(pool, first, block)
                progress(len(block))
    return counter.result


def top_ranked(task: RetrievalTask, query_rows: Int64[np.ndarray, " r"], count: int = 10) -> Ranking:
    """The top `count` results of the queries `query_rows`, by the same rules as the scores.

    Example:
        >>> top_ranked(task, np.array([0, 5]), count=10).gallery_rows.shape
        (2, 10)
    """
    shape = (len(query_rows), count)
    rows, right = np.full(shape, -1, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
    similarities = np.zeros(shape, dtype=np.float32)
    block = torch.empty((1, len(task.kept)))
    for index, query in enumerate(query_rows):
        task.fill(int(query), int(query) + 1, block)
        row = block.numpy()[0]
        same_person, removed = task.same_person_and_removed(int(query))
        allowed = np.flatnonzero(~removed)
        best = allowed[np.lexsort((same_person[allowed], -row[allowed]))[:count]]
        rows[index, : len(best)] = task.kept[best]
        similarities[index, : len(best)] = row[best]
        right[index, : len(best)] = same_person[best]
    return Ranking(np.asarray(query_rows, dtype=np.int64), rows, similarities, right)


PrecisionRule = Literal["step", "trapezoid"]
"""`step`: precision at each correct match. `trapezoid`: the mean of that and the precision one rank above it."""


def average_precisions(ranks: PositiveRanks, rule: PrecisionRule = "step") -> Float64[np.ndarray, " q"]:
    r"""Average precision, 0 to 1, of each query with correct matches at ranks $r_1 < ... < r_m$; NaN without matches.

    `step`: $\frac{1}{m} \sum_i i / r_i$. `trapezoid`, the rule of the Market-1501 toolbox:
    $\frac{1}{2m} \sum_i [i / r_i + (i - 1) / (r_i - 1)]$, where 0 / 0 counts as 1: the area under the linearly
    interpolated precision-recall curve. It is never above the step rule.
    """
    counts = np.diff(ranks.offsets)
    valid = counts > 0
    result = np.full(len(counts), np.nan)
    if valid.any():
        hits = np.arange(1, len(ranks.ranks) + 1) - np.repeat(ranks.offsets[:-1], counts)
        terms = hits / ranks.ranks
        if rule == "trapezoid":
            above = np.where(ranks.ranks > 1, (hits - 1) / np.maximum(ranks.ranks - 1, 1), 1.0)
            terms = (terms + above) / 2
        # Queries without a match own no ranks, so the starts of the others are enough for reduceat.
        result[valid] = np.add.reduceat(terms, ranks.offsets[:-1][valid]) / counts[valid]
    return result
