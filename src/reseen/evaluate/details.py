"""Details of a score besides its means: confidence intervals, verification rates, pairs of cameras."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from reseen.evaluate.average_precision import PrecisionRule, average_precisions
from reseen.evaluate.bootstrap import LEVEL, SAMPLES, Interval, bootstrap
from reseen.evaluate.camera_pairs import CameraPairCounter, CameraPairs
from reseen.evaluate.ranking import PositiveRanks, RankCounter
from reseen.evaluate.task import RetrievalTask, similarity_blocks
from reseen.evaluate.verification import PairCounter


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
