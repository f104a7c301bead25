"""Who stands where: the ranks of all right answers for every query, and the first few answers for some.

Equal similarities: a wrong answer stands above a right one, so the order of files cannot change a score and a
constant encoder earns nothing. What may be an answer at all: `reseen.evaluate.task`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64

from reseen.evaluate.matches import DISTRACTOR, JUNK, Matches
from reseen.evaluate.task import RetrievalTask, similarity_blocks

__all__ = [
    "DISTRACTOR",
    "JUNK",
    "PositiveRanks",
    "RankCounter",
    "Ranking",
    "RetrievalTask",
    "rank_positives",
    "top_ranked",
]


@dataclass(frozen=True)
class PositiveRanks:
    """Ranks (from 1, ascending) of the right answers; query q owns `ranks[offsets[q]:offsets[q + 1]]`."""

    ranks: Int64[np.ndarray, " m"]
    offsets: Int64[np.ndarray, " q_plus_1"]

    @property
    def first(self) -> Int64[np.ndarray, " q"]:
        """The rank of each query's first right answer; 0 where it has none."""
        result, valid = np.zeros(len(self.offsets) - 1, dtype=np.int64), np.diff(self.offsets) > 0
        result[valid] = self.ranks[self.offsets[:-1][valid]]
        return result

    @property
    def last(self) -> Int64[np.ndarray, " q"]:
        """The rank of each query's last right answer; 0 where it has none."""
        result, valid = np.zeros(len(self.offsets) - 1, dtype=np.int64), np.diff(self.offsets) > 0
        result[valid] = self.ranks[self.offsets[1:][valid] - 1]
        return result


@dataclass(frozen=True)
class Ranking:
    """The first answers to some queries, best first; a list that ran out is filled up with row -1.

    `query_rows`, `gallery_rows`: row numbers of the task. `similarities`: cosine, -1 to 1, for raw features one
    less half the squared distance, re-ranked the distance below zero. `right`: the answer is the person asked for.
    """

    query_rows: Int64[np.ndarray, " r"]
    gallery_rows: Int64[np.ndarray, "r k"]
    similarities: Float32[np.ndarray, "r k"]
    right: Bool[np.ndarray, "r k"]


class RankCounter:
    """Takes blocks of similarities one by one and keeps the ranks of right answers.

    Attributes:
        answers: the right answers among the columns of the blocks.
        ranks: filled query by query.
    """

    def __init__(self, answers: Matches, query_cameras: Int64[np.ndarray, " q"]) -> None:
        self.answers = answers
        self.ranks = np.empty(int(answers.offsets[-1]), dtype=np.int64)
        self._cameras = np.ascontiguousarray(query_cameras, dtype=np.int64)

    def add(self, pool: ThreadPoolExecutor, first: int, block: Float32[np.ndarray, "b g"]) -> None:
        """Count one block, whose first row is query `first`, on as many threads as torch uses."""
        from reseen.evaluate.rank_kernel import write_ranks

        found = self.answers
        shared = (found.starts, found.stops, found.order, found.cameras, found.offsets, self.ranks)
        edges = np.linspace(0, len(block), torch.get_num_threads() + 1).astype(int)
        jobs = [
            pool.submit(write_ranks, block, start, stop, first, self._cameras, *shared)
            for start, stop in pairwise(edges)
        ]
        for job in jobs:
            job.result()

    @property
    def result(self) -> PositiveRanks:
        """What was counted."""
        return PositiveRanks(ranks=self.ranks, offsets=self.answers.offsets)


def rank_positives(task: RetrievalTask, progress: Callable[[int], None] = lambda _: None) -> PositiveRanks:
    """The rank of every right answer to every query, in blocks of queries: one product, then counting."""
    counter = RankCounter(task.answers, task.query_cameras)
    if len(counter.ranks):
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for first, block in similarity_blocks(task):
                counter.add(pool, first, block)
                progress(len(block))
    return counter.result


def top_ranked(task: RetrievalTask, query_rows: Int64[np.ndarray, " r"], count: int = 10) -> Ranking:
    """The first `count` answers to the chosen queries, ranked by the rules that score them."""
    shape = (len(query_rows), count)
    rows, right = np.full(shape, -1, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
    similarities = np.zeros(shape, dtype=np.float32)
    block = torch.empty((1, len(task.kept)))
    for place, query in enumerate(query_rows):
        task.fill(int(query), int(query) + 1, block)
        row = block.numpy()[0]
        same_person, removed = task.right_and_removed(int(query))
        allowed = np.flatnonzero(~removed)
        best = allowed[np.lexsort((same_person[allowed], -row[allowed]))[:count]]
        rows[place, : len(best)] = task.kept[best]
        similarities[place, : len(best)] = row[best]
        right[place, : len(best)] = same_person[best]
    return Ranking(np.asarray(query_rows, dtype=np.int64), rows, similarities, right)
