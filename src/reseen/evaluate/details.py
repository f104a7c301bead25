"""Details of a score besides its means: confidence intervals, verification rates, pairs of cameras."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from reseen.evaluate.bootstrap import LEVEL, SAMPLES, Interval, bootstrap
from reseen.evaluate.ranking import PositiveRanks, PrecisionRule, RankCounter, average_precisions
from reseen.evaluate.task import RetrievalTask, find_matches, similarity_blocks
from reseen.records import UNKNOWN_CAMERA

FALSE_POSITIVE_RATES = (1e-4, 1e-3, 1e-2)
"""False positive rates, 0 to 1, at which the true positive rate is reported."""


class PairCounter:
    """Collects the similarities of true pairs, and the highest of false pairs, from blocks of similarities.

    Every query is paired with every kept gallery image except those of its person under its own camera. Memory holds
    at most twice the false pairs accepted at the largest rate, and one block.
    """

    def __init__(self, task: RetrievalTask, rates: Sequence[float] = FALSE_POSITIVE_RATES) -> None:
        self._task = task
        self._rates = tuple(rates)
        removed = task.same_person_counts - task.positive_counts
        pairs = len(task.query) * len(task.kept)
        self.positives = int(task.positive_counts.sum())
        self.negatives = pairs - self.positives - int(removed.sum())
        self._kept = int(max(self._rates) * self.negatives) + 1
        self._true: list[Float32[np.ndarray, " m"]] = []
        self._false = np.empty(0, dtype=np.float32)
        self._pending: list[Float32[np.ndarray, " m"]] = []
        self._floor = -np.inf

    def add(self, first: int, block: Float32[np.ndarray, "b g"]) -> None:
        """Process one block, whose first row is query `first`; the block is not modified."""
        matches = self._task.matches
        for row, similarities in enumerate(block):
            query = first + row
            own = matches.order[matches.starts[query] : matches.stops[query]]
            camera = self._task.query_cameras[query]
            own_cameras = matches.cameras[matches.starts[query] : matches.stops[query]]
            self._true.append(similarities[own[(own_cameras != camera) | (camera < 0)]])
            high = similarities > self._floor
            high[own] = False
            self._pending.append(similarities[high])
        if sum(map(len, self._pending)) + len(self._false) > 2 * self._kept:
            self._merge_pending()

    def true_positive_rates(self) -> dict[float, float]:
        """False positive rate to true positive rate, each 0 to 1; NaN without pairs of both kinds.

        The threshold is strict: it excludes the first false pair beyond the rate, with all ties.
        """
        self._merge_pending()
        true = np.concatenate([np.empty(0, dtype=np.float32), *self._true])
        highest = np.sort(self._false)[::-1]
        if not len(true) or not len(highest):
            return dict.fromkeys(self._rates, float("nan"))
        accepted = {rate: int(rate * self.negatives) for rate in self._rates}
        return {
            rate: float((true > highest[count]).mean()) if count < len(highest) else 1.0
            for rate, count in accepted.items()
        }

    def _merge_pending(self) -> None:
        self._false = np.concatenate([self._false, *self._pending])
        self._pending = []
        if len(self._false) > self._kept:
            self._false = np.partition(self._false, len(self._false) - self._kept)[-self._kept :]
            self._floor = self._false.min()


@dataclass(frozen=True)
class CameraPairs:
    """Scores, 0 to 1, by query camera (row) and gallery camera (column); NaN without a valid query."""

    query_cameras: tuple[int, ...]
    gallery_cameras: tuple[int, ...]
    mean_average_precision: Float64[np.ndarray, "a b"]
    rank_1: Float64[np.ndarray, "a b"]
    queries: Int64[np.ndarray, "a b"]
    """Valid queries, those with a correct match, of each pair."""

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable lists; null in place of NaN."""
        return {
            "query_cameras": list(self.query_cameras),
            "gallery_cameras": list(self.gallery_cameras),
            "mAP": _to_lists(self.mean_average_precision),
            "rank_1": _to_lists(self.rank_1),
            "queries": self.queries.tolist(),
        }


class CameraPairCounter:
    """Ranks each query among the gallery images of each camera separately, from blocks of similarities.

    By the rules of `reseen.evaluate.task` a query has no match under its own camera. Images of unknown cameras, on
    either side, are ignored.
    """

    def __init__(self, task: RetrievalTask) -> None:
        self._task = task
        cameras = task.gallery_cameras[task.kept]
        self._gallery_cameras = tuple(
            int(camera) for camera in np.unique(cameras) if camera != UNKNOWN_CAMERA
        )
        self._columns = [np.flatnonzero(cameras == camera) for camera in self._gallery_cameras]
        identities = task.gallery_identities[task.kept]
        self._counters = [
            RankCounter(
                find_matches(
                    task.query_identities, task.query_cameras, identities[columns], cameras[columns]
                ),
                task.query_cameras,
            )
            for columns in self._columns
        ]

    def add(self, pool: ThreadPoolExecutor, first: int, block: Float32[np.ndarray, "b g"]) -> None:
        """Process one block, whose first row is query `first`."""
        for columns, counter in zip(self._columns, self._counters, strict=True):
            counter.add(pool, first, np.ascontiguousarray(block[:, columns]))

    def result(self, rule: PrecisionRule) -> CameraPairs:
        """The scores of all pairs of cameras, after all blocks."""
        query_cameras = tuple(int(camera) for camera in np.unique(self._task.query_cameras))
        query_cameras = tuple(camera for camera in query_cameras if camera != UNKNOWN_CAMERA)
        precision = np.full((len(query_cameras), len(self._gallery_cameras)), np.nan)
        rank_1, queries = precision.copy(), np.zeros(precision.shape, dtype=np.int64)
        for column, counter in enumerate(self._counters):
            values, first = average_precisions(counter.result, rule), counter.result.first
            for row, camera in enumerate(query_cameras):
                valid = (self._task.query_cameras == camera) & ~np.isnan(values)
                queries[row, column] = valid.sum()
                if valid.any():
                    precision[row, column] = values[valid].mean()
                    rank_1[row, column] = (first[valid] == 1).mean()
        return CameraPairs(query_cameras, self._gallery_cameras, precision, rank_1, queries)


def _to_lists(values: Float64[np.ndarray, "a b"]) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in values]


@dataclass(frozen=True)
class ScoreDetails:
    """Confidence intervals, verification rates and camera pairs of a score; all figures are from 0 to 1."""

    intervals: dict[str, Interval]
    """Bootstrap intervals over people of `mAP` and `rank_1`."""
    true_positive_rates: dict[float, float]
    """False positive rate to true positive rate; NaN without pairs of both kinds."""
    camera_pairs: CameraPairs | None
    """Scores by pair of cameras; None where fewer than two cameras are known."""

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values; null in place of NaN."""
        return {
            "intervals": {
                "level": LEVEL,
                "bootstrap_samples_of_people": SAMPLES,
                **{name: [interval.low, interval.high] for name, interval in self.intervals.items()},
            },
            "true_positive_rate_at_false_positive_rate": {
                f"{rate:g}": None if np.isnan(share) else share
                for rate, share in self.true_positive_rates.items()
            },
            "camera_pairs": self.camera_pairs.to_json() if self.camera_pairs else None,
        }


def scan(
    task: RetrievalTask,
    rule: PrecisionRule = "step",
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[PositiveRanks, ScoreDetails]:
    """Ranks and details from one pass over the similarities; `seed` is that of the bootstrap.

    `progress` is called with the number of queries just ranked.

    Raises:
        ValueError: no query has a correct match.
    """
    ranks, pairs, cameras = (
        RankCounter(task.matches, task.query_cameras),
        PairCounter(task),
        CameraPairCounter(task),
    )
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for first, block in similarity_blocks(task):
            ranks.add(pool, first, block)
            cameras.add(pool, first, block)
            pairs.add(first, block)
            progress(len(block))
    positive_ranks = ranks.result
    precision = average_precisions(positive_ranks, rule)
    hits = np.where(np.isnan(precision), np.nan, positive_ranks.first == 1)
    matrix = cameras.result(rule)
    details = ScoreDetails(
        intervals={
            "mAP": bootstrap(precision, task.query_identities, seed),
            "rank_1": bootstrap(hits, task.query_identities, seed),
        },
        true_positive_rates=pairs.true_positive_rates(),
        camera_pairs=matrix if len({*matrix.query_cameras, *matrix.gallery_cameras}) > 1 else None,
    )
    return positive_ranks, details
