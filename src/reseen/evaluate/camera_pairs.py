"""mAP and rank-1 of every pair of query camera and gallery camera."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

from reseen.evaluate.average_precision import PrecisionRule, average_precisions
from reseen.evaluate.matches import find_matches
from reseen.evaluate.ranking import RankCounter
from reseen.evaluate.task import RetrievalTask
from reseen.records import UNKNOWN_CAMERA


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
