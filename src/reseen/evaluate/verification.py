"""Same person or not, pair by pair: the share of true pairs accepted at a share of false pairs accepted."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from reseen.evaluate.task import RetrievalTask

FALSE_POSITIVE_RATES = (1e-4, 1e-3, 1e-2)
"""Shares of false pairs that are accepted, 0 to 1, at which the share of true pairs is reported."""


class PairCounter:
    """Takes blocks of similarities and keeps those of true pairs, and the highest of false pairs.

    Every query is paired with every kept gallery image that its own camera did not take of its person. Memory holds
    twice the false pairs that the largest rate accepts, and a block.
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
        self._waiting: list[Float32[np.ndarray, " m"]] = []
        self._floor = -np.inf

    def add(self, first: int, block: Float32[np.ndarray, "b g"]) -> None:
        """Look at one block, whose first row is query `first`; the block itself stays as it is."""
        answers = self._task.answers
        for row, similarities in enumerate(block):
            query = first + row
            own = answers.order[answers.starts[query] : answers.stops[query]]
            camera = self._task.query_cameras[query]
            taken = answers.cameras[answers.starts[query] : answers.stops[query]]
            self._true.append(similarities[own[(taken != camera) | (camera < 0)]])
            high = similarities > self._floor
            high[own] = False
            self._waiting.append(similarities[high])
        if sum(map(len, self._waiting)) + len(self._false) > 2 * self._kept:
            self._settle()

    def true_positive_rates(self) -> dict[float, float]:
        """For each rate of false positives the share of true pairs accepted; NaN without true or false pairs.

        The threshold accepts at most that share of false pairs, ties of the next one not among them.
        """
        self._settle()
        true = np.concatenate([np.empty(0, dtype=np.float32), *self._true])
        highest = np.sort(self._false)[::-1]
        if not len(true) or not len(highest):
            return dict.fromkeys(self._rates, float("nan"))
        accepted = {rate: int(rate * self.negatives) for rate in self._rates}
        return {
            rate: float((true > highest[count]).mean()) if count < len(highest) else 1.0
            for rate, count in accepted.items()
        }

    def _settle(self) -> None:
        self._false = np.concatenate([self._false, *self._waiting])
        self._waiting = []
        if len(self._false) > self._kept:
            self._false = np.partition(self._false, len(self._false) - self._kept)[-self._kept :]
            self._floor = self._false.min()
