"""Whether two clusterings of the same crops put the same crops together."""

import numpy as np
from jaxtyping import Int64

from reseen.records import NOISE, PseudoLabels


def clustering_agreement(first: PseudoLabels, second: PseudoLabels) -> float:
    """Adjusted Rand index of two clusterings, 1 for the same, about 0 by chance; a crop in noise is by itself.

    Noise counts, so that a clustering cannot look stable by leaving crops out.

    Reference: Hubert and Arabie 1985, "Comparing partitions".

    Raises:
        ValueError: the clusterings are of different numbers of crops.
    """
    from sklearn.metrics import adjusted_rand_score

    if len(first) != len(second):
        raise ValueError(f"wanted two clusterings of the same crops, got {len(first)} and {len(second)}")
    return float(adjusted_rand_score(_alone(first), _alone(second)))


def _alone(labels: PseudoLabels) -> Int64[np.ndarray, " n"]:
    """Labels in which every crop in noise has a number of its own."""
    numbers = labels.labels.copy()
    noise = numbers == NOISE
    numbers[noise] = labels.cluster_count + np.arange(int(noise.sum()))
    return numbers
