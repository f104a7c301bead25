"""Scores from one camera to another: which pairs of cameras the encoder fails between."""

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
    """Row: the camera of the query; column: the only camera of the gallery. Shares, 0 to 1; NaN without a query."""

    query_cameras: tuple[int, ...]
    gallery_cameras: tuple[int, ...]
    mean_average_precision: Float64[np.ndarray, "a b"]
    rank_1: Float64[np.ndarray, "a b"]
    queries: Int64[np.ndarray, "a b"]
    """Queries that can be answered."""

    def to_json(self) -> dict[str, Any]:
        """Plain lists; null where no query can be answered."""
        return {
            "query_cameras": list(self.query_cameras),
            "gallery_cameras": list(self.gallery_cameras),
            "mAP": _plain(self.mean_average_precision),
            "rank_1": _plain(self.rank_1),
            "queries": self.queries.tolist(),
        }


class CameraPairCounter:
    """Takes blocks of similarities and ranks each query in the images of every camera by themselves.

    By the rules of `reseen.evaluate.task` there is nothing to find under the query's own camera. Images of unknown
    cameras, on either side, are left out.
    """

    def __init__(self, task: RetrievalTask) -> None:
        self._task = task
        cameras = task.gallery_cameras[task.kept]
        self._numbers = tuple(int(camera) for camera in np.unique(cameras) if camera != UNKNOWN_CAMERA)
        self._columns = [np.flatnonzero(cameras == camera) for camera in self._numbers]
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
        """Count one block, whose first row is query `first`."""
        for columns, counter in zip(self._columns, self._counters, strict=True):
            counter.add(pool, first, np.ascontiguousarray(block[:, columns]))

    def result(self, rule: PrecisionRule) -> CameraPairs:
        """The matrix."""
        asked = tuple(int(camera) for camera in np.unique(self._task.query_cameras))
        asked = tuple(camera for camera in asked if camera != UNKNOWN_CAMERA)
        precision = np.full((len(asked), len(self._numbers)), np.nan)
        rank_1, queries = precision.copy(), np.zeros(precision.shape, dtype=np.int64)
        for column, counter in enumerate(self._counters):
            values, first = average_precisions(counter.result, rule), counter.result.first
            for row, camera in enumerate(asked):
                chosen = (self._task.query_cameras == camera) & ~np.isnan(values)
                queries[row, column] = chosen.sum()
                if chosen.any():
                    precision[row, column] = values[chosen].mean()
                    rank_1[row, column] = (first[chosen] == 1).mean()
        return CameraPairs(asked, self._numbers, precision, rank_1, queries)


def _plain(values: Float64[np.ndarray, "a b"]) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in values]
