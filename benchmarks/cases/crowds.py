"""Unit features of a query and a gallery of people under cameras, right about half of the time."""

import numpy as np
import torch

from reseen.evaluate import RetrievalTask
from reseen.geometry import unit
from reseen.records import Features


def crowd(queries: int, gallery: int, dimension: int, people: int, cameras: int = 6) -> RetrievalTask:
    """People seen by some cameras, with Market's share of distractors in the gallery."""
    draw, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    centers = unit(torch.randn(people + 1, dimension, generator=generator))
    who = [draw.integers(1, people + 1, count) for count in (queries, gallery)]
    noise = [unit(torch.randn(count, dimension, generator=generator)) for count in (queries, gallery)]
    sides = [
        Features(unit(0.45 * centers[torch.from_numpy(chosen)] + other))
        for chosen, other in zip(who, noise, strict=True)
    ]
    who[1][draw.random(gallery) < 0.176] = 0
    where = [draw.integers(0, cameras, count) for count in (queries, gallery)]
    return RetrievalTask(sides[0], sides[1], who[0], where[0], who[1], where[1])
