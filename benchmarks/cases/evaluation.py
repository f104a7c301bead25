"""Market-1501's evaluation against the matrix product that it cannot do without."""

from statistics import median
from typing import Any

import numpy as np
import torch

from cases.case import Case, Options, row, timed
from reseen.evaluate import market
from reseen.geometry import unit
from reseen.records import Features

GOAL = 2.0
"""Evaluation may take this many times as long as the product of all queries with the gallery."""


def _run(options: Options) -> dict[str, Any]:
    """Time both in turn, on features that are right about half of the time; medians of several repeats."""
    queries, gallery, dimension, people = (
        (500, 4_000, 512, 150) if options.quick else (3_368, 15_913, 512, 750)
    )
    sides = _crowd(queries, gallery, dimension, people)
    products, evaluations = timed(
        options.repeat, lambda: sides[0].vectors @ sides[1].vectors.T, lambda: market(*sides)
    )
    ratio = median(evaluations) / median(products)
    return {
        "rows": [
            row(
                f"evaluation {queries:,} x {gallery:,}, {dimension}-d",
                evaluations,
                against="the matrix product alone",
                against_seconds=products,
                limit="the product: every similarity has to be computed once",
                goal_met=None if options.quick else ratio <= GOAL,
            )
        ]
    }


def _crowd(queries: int, gallery: int, dimension: int, people: int) -> tuple:
    """Unit features of people seen by six cameras, with Market's share of distractors."""
    draw, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    centers = unit(torch.randn(people + 1, dimension, generator=generator))
    query_people, gallery_people = (
        draw.integers(1, people + 1, queries),
        draw.integers(1, people + 1, gallery),
    )
    noise = [unit(torch.randn(count, dimension, generator=generator)) for count in (queries, gallery)]
    query = Features(unit(0.45 * centers[torch.from_numpy(query_people)] + noise[0]))
    gallery_features = Features(unit(0.45 * centers[torch.from_numpy(gallery_people)] + noise[1]))
    gallery_people[draw.random(gallery) < 0.176] = 0
    return (
        query, gallery_features,
        query_people, draw.integers(0, 6, queries), gallery_people, draw.integers(0, 6, gallery),
    )  # fmt: skip


EVALUATION = Case("evaluation", f"at most {GOAL:.0f} times the matrix product alone", _run)
