"""The compiled loop of the neighbor layout: one step of every crop, from the places of the step before."""

import numpy as np

from reseen.compiled import compiled

_NEAREST = np.float32(1e-3)
"""Squared distance below which two crops push each other no harder: copies lie on one place."""


@compiled()
def step(
    begin: int,
    end: int,
    start: np.ndarray,
    columns: np.ndarray,
    strangers: int,
    push: np.float32,
    rate: np.float32,
    draw: np.uint64,
    before: np.ndarray,
    after: np.ndarray,
) -> None:
    """Move rows `begin` to `end` of `before` (n, 2), float32, into `after`.

    A row is pulled by its neighbors, `columns[start[i]:start[i + 1]]`, and pushed by `strangers` random rows, `push`
    times as hard; which rows these are depends on `draw`, the row and nothing else, so that threads change no bit.
    No row moves farther than 4 `rate`.
    """
    n = before.shape[0]
    most = np.float32(4)
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
        state = draw + np.uint64(i) * np.uint64(0x9E3779B97F4A7C15)
        away, down = np.float32(0), np.float32(0)
        for _ in range(strangers):
            # SplitMix64: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", figure 15.
            state += np.uint64(0x9E3779B97F4A7C15)
            mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed = mixed ^ (mixed >> np.uint64(31))
            j = np.int64(mixed % np.uint64(n))
            dx, dy = x - before[j, 0], y - before[j, 1]
            square = dx * dx + dy * dy
            weight = one / ((_NEAREST + square) * (one + square))
            away += weight * dx
            down += weight * dy
        share = push / np.float32(strangers)
        across += share * away
        up += share * down
        length = np.float32(np.sqrt(across * across + up * up))
        if length > most:
            across *= most / length
            up *= most / length
        after[i, 0] = x + rate * across
        after[i, 1] = y + rate * up
