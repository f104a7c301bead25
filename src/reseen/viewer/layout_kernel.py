"""Compiled kernel of the neighbor layout: one synchronous gradient step over a range of rows."""

import numpy as np

from reseen.compiled import compiled

_EPSILON = np.float32(1e-3)
"""Added to the squared distance in the repulsion, which is infinite for duplicates without it."""


@compiled()
def step(
    begin: int,
    end: int,
    start: np.ndarray,
    columns: np.ndarray,
    negatives: int,
    repulsion: np.float32,
    rate: np.float32,
    seed: np.uint64,
    before: np.ndarray,
    after: np.ndarray,
) -> None:
    """Write the moved rows `begin` to `end` of `before` (n, 2), float32, to `after`.

    Row i is attracted by its neighbors `columns[start[i]:start[i + 1]]` and repelled by `negatives` random rows, whose
    mean is weighted by `repulsion`. The random rows depend only on `seed` and i, so that the result does not depend on
    the number of threads. A row moves by at most `4 * rate`.
    """
    n = before.shape[0]
    max_length = np.float32(4)
    one = np.float32(1)
    for i in range(begin, end):
        x, y = before[i, 0], before[i, 1]
        across, up = np.float32(0), np.float32(0)
        for entry in range(start[i], start[i + 1]):
            j = columns[entry]
            dx, dy = before[j, 0] - x, before[j, 1] - y
            weight = one / (one + dx * dx + dy * dy)
            across += weight * dx
            up += weight * dy
        degree = np.float32(max(1, start[i + 1] - start[i]))
        across /= degree
        up /= degree
        state = seed + np.uint64(i) * np.uint64(0x9E3779B97F4A7C15)
        away, down = np.float32(0), np.float32(0)
        for _ in range(negatives):
            # SplitMix64: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", figure 15.
            state += np.uint64(0x9E3779B97F4A7C15)
            mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed = mixed ^ (mixed >> np.uint64(31))
            j = np.int64(mixed % np.uint64(n))
            dx, dy = x - before[j, 0], y - before[j, 1]
            square = dx * dx + dy * dy
            weight = one / ((_EPSILON + square) * (one + square))
            away += weight * dx
            down += weight * dy
        scale = repulsion / np.float32(negatives)
        across += scale * away
        up += scale * down
        length = np.float32(np.sqrt(across * across + up * up))
        if length > max_length:
            across *= max_length / length
            up *= max_length / length
        after[i, 0] = x + rate * across
        after[i, 1] = y + rate * up
