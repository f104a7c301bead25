"""Market-1501's evaluation against the matrix product that it cannot do without."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch

from reseen.evaluate import RetrievalScore, market
from reseen.geometry import unit
from reseen.records import Features

GOAL = 2.0
"""Evaluation may take this many times as long as the product of all queries with the gallery."""


def run(quick: bool) -> dict[str, Any]:
    """Time both in turn, on features that are right about half of the time; medians of several repeats."""
    queries, gallery, dimension, people = (500, 4_000, 512, 150) if quick else (3_368, 15_913, 512, 750)
    sides = _crowd(queries, gallery, dimension, people)
    score = market(*sides)  # compiles, or loads what was compiled before
    products, evaluations = [], []
    for _ in range(3 if quick else 7):
        products.append(_seconds(lambda: sides[0].vectors @ sides[1].vectors.T))
        evaluations.append(_seconds(lambda: market(*sides)))
    return _result(score, f"{queries:,} x {gallery:,} at {dimension}-d", products, evaluations)


def _result(
    score: RetrievalScore, size: str, products: list[float], evaluations: list[float]
) -> dict[str, Any]:
    product, evaluation = float(np.median(products)), float(np.median(evaluations))
    return {
        "name": "evaluation",
        "size": size,
        "matrix_product_seconds": product,
        "evaluation_seconds": evaluation,
        "ratio": evaluation / product,
        "goal_ratio": GOAL,
        "met": evaluation <= GOAL * product,
        "threads": torch.get_num_threads(),
        "mAP": score.mean_average_precision,
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


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start
