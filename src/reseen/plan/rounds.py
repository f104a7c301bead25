"""Rounds of training in small: clusters of made-up vectors at several sizes, and a few batches."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reseen.audit import MOST_SILHOUETTES, measure
from reseen.cluster.hierarchy import PAIR_BYTES, HierarchySettings, count_shared_pairs
from reseen.data.labels import COLUMNS
from reseen.data.table import ImageTable
from reseen.engine.allocation import kept_memory
from reseen.engine.console import Progress, RunView
from reseen.engine.extract import unwrap
from reseen.engine.fit import Training, train_round
from reseen.engine.recipe import Recipe
from reseen.geometry import unit
from reseen.methods import METHODS
from reseen.plan.estimate import Stage
from reseen.plan.measured import Measured
from reseen.plan.sample import mixture
from reseen.records import Features

BATCHES = 3
"""Batches that are timed, after one that is not."""
_MOST, _MOST_APPROXIMATE = 6_000, 24_000
"""Crops of the largest rehearsal; more where only an approximate search would be used, which is fast."""


@dataclass
class RoundCosts:
    """What the parts of a round took."""

    clustering: Measured = field(default_factory=lambda: Measured("clustering", power=2))
    auditing: Measured = field(default_factory=lambda: Measured("measuring clusters"))
    training: Measured = field(default_factory=lambda: Measured("training"))
    encoders: int = 1
    """Networks whose features are clustered or scored."""

    def audit_stage(self, images: int, rounds: int) -> Stage:
        """Measuring clusters compares every crop with at most `MOST_SILHOUETTES` others."""
        measured = self.auditing.sizes[-1]
        pairs = [float(count) * min(count, MOST_SILHOUETTES) for count in (measured, images)]
        seconds = self.auditing.seconds[-1] / pairs[0] * pairs[1]
        return Stage(self.auditing.name, rounds * seconds)


def largest_rehearsal(recipe: Recipe, images: int) -> int:
    """Crops up to which clustering is rehearsed."""
    return _MOST_APPROXIMATE if _approximate(recipe, images) else _MOST


def small_recipe(recipe: Recipe, table: ImageTable, folder: Path, images: int, own: bool) -> Recipe:
    """The recipe with nothing to fetch and little to do; what is decoded and labels lie in `folder`."""
    data: dict[str, Any] = {"cache_dir": folder / "cache", "constraints": None}
    if METHODS[recipe.method.name].method.takes_labels and not own:
        data["labels"] = folder / "labels.csv"
        with data["labels"].open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *((path, row // 4) for row, path in enumerate(table.texts))])
    method: dict[str, Any] = {}
    if _approximate(recipe, images):  # as it would be at that size
        hierarchy: HierarchySettings = getattr(recipe.method, "hierarchy")  # noqa: B009
        method["hierarchy"] = hierarchy.model_copy(update={"engine": "approximate"})
    train = {"rounds": 2, "iterations": BATCHES, "tensorboard": False}
    return recipe.model_copy(
        update={
            "data": recipe.data.model_copy(update=data),
            "method": recipe.method.model_copy(update=method),
            "model": recipe.model.model_copy(update={"weights": "none", "start": None}),
            "train": recipe.train.model_copy(update=train),
        }
    )


def rehearse_rounds(
    training_on: Callable[[int], Training], sizes: list[int], progress: Progress
) -> RoundCosts:
    """Time clusters at all sizes, and batches at the largest, or at all where they take longer the more crops."""
    costs, silent = RoundCosts(), RunView(0, quiet=True)
    for count in sizes:
        training = training_on(count)
        costs.encoders = len(training.method.encoders())
        method, encoder = training.method, unwrap(training.encoder)
        found = mixture(count, encoder.dimension, encoder.raw)
        plan = method.begin_round(found, 1)
        for _ in range(getattr(training.recipe.method, "rounds_before_merging", 0)):  # that merge nothing yet
            plan = method.begin_round(found, 1)
        if count == sizes[-1] or method.steps_grow:
            with kept_memory():
                train_round(training, plan, 1, silent)
                plan = method.begin_round(found, BATCHES)
                with costs.training.at(count, BATCHES):
                    train_round(training, plan, 1, silent)
        with costs.clustering.at(count):
            plan = method.begin_round(found, 1)
        if (hierarchy := _by_shared_neighbors(training.recipe)) is not None:
            costs.clustering.squared.append(shared_bytes(count, encoder.dimension, hierarchy))
        with costs.auditing.at(count):
            measure(Features(unit(found.vectors)), plan.clustering.labels, training.crops.cameras, None)
        progress(1)
    return costs


def shared_bytes(count: int, dimension: int, settings: HierarchySettings) -> float:
    """Memory of the pairs that linkage over shared neighbors holds, of features before training."""
    features = mixture(count, dimension, untrained=True)
    return float(PAIR_BYTES * count_shared_pairs(features, settings.jaccard))


def _by_shared_neighbors(recipe: Recipe) -> HierarchySettings | None:
    hierarchy = _hierarchy(recipe)
    return hierarchy if hierarchy is not None and hierarchy.metric == "jaccard" else None


def _approximate(recipe: Recipe, images: int) -> bool:
    hierarchy = _hierarchy(recipe)
    return hierarchy is not None and hierarchy.approximates(images)


def _hierarchy(recipe: Recipe) -> HierarchySettings | None:
    """The hierarchical clustering of a recipe, where it is used."""
    hierarchy = getattr(recipe.method, "hierarchy", None)
    used = getattr(recipe.method, "clustering", "hierarchy") == "hierarchy"
    return hierarchy if used and isinstance(hierarchy, HierarchySettings) else None
