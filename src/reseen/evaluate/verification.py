"""Pairwise verification: the true positive rate at given false positive rates (TPR@FPR)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from reseen.evaluate.task import RetrievalTask

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
