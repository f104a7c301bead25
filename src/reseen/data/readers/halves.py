"""Small benchmarks that are cut in halves of people at random, ten times."""

from collections.abc import Sequence

import numpy as np

SPLITS = 10
"""Cuts; scores are the mean over all of them."""


def draw_halves(people: Sequence[str], split: int) -> tuple[list[str], list[str]]:
    """People to learn from (the smaller half where the number is odd) and people to score with.

    The seed is the number of the split; order and doubles in `people` do not matter. Other codes draw other halves.
    """
    names = sorted(set(people))
    order = np.random.default_rng(split).permutation(len(names))
    middle = len(names) // 2
    return sorted(names[row] for row in order[:middle]), sorted(names[row] for row in order[middle:])
