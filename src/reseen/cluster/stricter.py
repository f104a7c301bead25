"""A ladder of stricter settings of DBSCAN on Jaccard distances, for a round whose clusters have fused people.

People fuse where neighborhoods are wider than people have crops: with k1 neighbors, most of which are of others, the
distances of crops of different people fall below eps, and chains of core points grow into one cluster. Each step looks
at fewer neighbors, joins only nearer crops, and lets smaller groups be a cluster, so that people with few crops are not
left out by that.
"""

from reseen.cluster.dbscan import DbscanSettings
from reseen.neighbors import JaccardSettings

STRICTER_STEPS = 3
"""Number of steps of the ladder."""

_FEWER_NEIGHBORS = 0.6
"""Factor of k1 and k2 per step."""
_LEAST_K1, _LEAST_K2, _LEAST_SAMPLES = 6, 2, 2
_CLOSER = 0.05
"""Decrease of eps per step, a Jaccard distance."""
_LEAST_EPS = 0.05


def stricter(
    jaccard: JaccardSettings, dbscan: DbscanSettings, step: int
) -> tuple[JaccardSettings, DbscanSettings]:
    """The settings of a step of the ladder, from 0, which changes nothing, to `STRICTER_STEPS`; none is ever raised.

    Raises:
        ValueError: the step is not on the ladder, or a setting is still `auto`.

    Example:
        >>> stricter(JaccardSettings(k1=30), DbscanSettings(eps=0.6), 1)[0].k1
        18
    """
    if not 0 <= step <= STRICTER_STEPS:
        raise ValueError(f"steps go from 0 to {STRICTER_STEPS}, got {step}")
    if step == 0:
        return jaccard, dbscan
    factor = _FEWER_NEIGHBORS**step
    (wide, near), (eps, samples) = jaccard.numbers, dbscan.numbers
    k1 = min(wide, max(_LEAST_K1, round(wide * factor)))
    k2 = min(near, k1, max(_LEAST_K2, round(near * factor)))
    samples = min(samples, max(_LEAST_SAMPLES, samples - step))
    eps = min(eps, max(_LEAST_EPS, round(eps - _CLOSER * step, 4)))
    return (
        jaccard.model_copy(update={"k1": k1, "k2": k2}),
        dbscan.model_copy(update={"eps": eps, "min_samples": samples}),
    )
