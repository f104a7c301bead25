"""The difference of two scores on the same queries, with its bootstrap interval."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from reseen.errors import DataError
from reseen.evaluate.bootstrap import LEVEL, SAMPLES, Interval, bootstrap
from reseen.evaluate.metrics import RetrievalScore
from reseen.records import Outcome


@dataclass(frozen=True)
class PairedDifference:
    """How much higher the second of two scores is, query by query."""

    mean_average_precision: float
    """Difference of mAP over the queries that both scores are of, -1 to 1; positive where the second is better."""
    interval: Interval
    """95 % bootstrap interval of the difference, over people."""
    share_better: float
    """Share of the queries whose average precision is higher in the second score, 0 to 1."""
    share_worse: float
    """Share of the queries whose average precision is lower in the second score, 0 to 1."""
    queries: int
    """Number of queries that both scores are of."""

    @property
    def outcome(self) -> Outcome:
        """`better` or `worse` where the interval leaves 0 out, else `no different`."""
        if self.interval.low > 0:
            return "better"
        return "worse" if self.interval.high < 0 else "no different"

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values."""
        return {
            "mAP": self.mean_average_precision,
            "interval": [self.interval.low, self.interval.high],
            "level": LEVEL,
            "bootstrap_samples_of_people": SAMPLES,
            "queries_better": self.share_better,
            "queries_worse": self.share_worse,
            "queries": self.queries,
            "outcome": self.outcome,
        }


def paired_difference(
    first: RetrievalScore, second: RetrievalScore, identities: Int64[np.ndarray, " q"], seed: int = 0
) -> PairedDifference:
    """The difference of two scores of the same queries, `identities` (q,), by the same protocol.

    The interval is far narrower than the two intervals of the scores suggest: queries that are hard for one encoder are
    hard for the other, and what both have in common cancels out.

    Reference: Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter 8, paired over queries.

    Raises:
        DataError: the scores are of different queries or protocols, or no query has a correct match in both.

    Example:
        >>> paired_difference(untrained, trained, task.query_identities).outcome
    """
    before, after = first.per_query_average_precision, second.per_query_average_precision
    if len(before) != len(after) or len(before) != len(identities) or first.protocol != second.protocol:
        raise DataError(
            f"two scores can be compared query by query if they are of the same queries and protocol; got "
            f"{len(before)} by {first.protocol} and {len(after)} by {second.protocol}"
        )
    change = after - before
    known = change[~np.isnan(change)]
    if not len(known):
        raise DataError("nothing to compare: no query has a correct match in both scores")
    return PairedDifference(
        float(known.mean()), bootstrap(change, identities, seed), float((known > 0).mean()),
        float((known < 0).mean()), len(known),
    )  # fmt: skip
