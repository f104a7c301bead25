"""The threshold of an audit: from the answers on a sheet, and from what tracklets say of pairs without being asked."""

from collections.abc import Sequence

import numpy as np

from reseen.audit import Answer, Calibration, TrackletPairs, calibrate, plan_pool
from reseen.audit.tracklet_pairs import NOTHING_KNOWN, UNKNOWN
from reseen.tasks.audit.verify import Sheet, answered_pairs

_FEWEST_CHECKS, _MOST_CONTRADICTED = 5, 0.1
"""Answers on pairs that tracklets know, of which so large a share contradicts them that they are not used."""


def calibrate_sheet(
    sheet: Sheet, answers: Sequence[Answer], false_matches: float, seed: int
) -> Calibration | None:
    """The calibration from tracklets and from the sure answers on pairs of this sheet; None without any of them.

    Tracklets that answers contradict in more than one of ten cases (of at least five) are not used.
    """
    tracklets = TrackletPairs.of_table(sheet.crops.table)
    answered, checks = answered_pairs(sheet, answers, tracklets)
    if len(checks) >= _FEWEST_CHECKS and (checks[:, 0] != checks[:, 1]).mean() > _MOST_CONTRADICTED:
        tracklets = NOTHING_KNOWN
        answered, _ = answered_pairs(sheet, answers, tracklets)
    pool = plan_pool(sheet.features, sheet.labels, tracklets=tracklets)
    if not len(answered) and not (pool.known != UNKNOWN).any():
        return None
    return calibrate(pool, answered, np.random.default_rng(seed), false_matches)
