"""Sheets of single clusters: their crops, the most central first, and the tree that joined them."""

import numpy as np

from reseen.cluster.hierarchy import HierarchySettings, whole_tree
from reseen.engine.cluster_outcome import Outcome
from reseen.engine.pictures import pictures, spread
from reseen.evaluate.report import ClusterSheet, CropTree, Leaf

_CROPS = 15
"""Crops in a row."""
_LEAVES, _ALL_LEAVES = 24, 300
"""Leaves of a tree on the page of all clusters, and on the page of one."""
_TALLEST = 128
"""Pixels; so a page of some hundred crops stays a few megabytes."""
_LONGEST_LABEL = 5
"""Signs below a leaf."""


def row_of_crops(outcome: Outcome, number: int) -> ClusterSheet:
    """Some crops of a cluster, from the most to the least central, and a tree of a few dozen leaves at most."""
    rows = outcome.members(number)
    chosen = spread(rows, _CROPS)
    tree = _tree(outcome, rows, _LEAVES)
    if tree is not None and len(rows) > len(tree.leaves):
        tree = CropTree(
            tree.matrix, tree.leaves, tree.heights, f"{tree.note} --dendrogram {number} draws more."
        )
    return ClusterSheet(
        f"Cluster {number}", _pictures(outcome, chosen), outcome.summary(number) + _part(chosen, rows),
        [outcome.words(row) for row in chosen], tree,
    )  # fmt: skip


def every_crop(outcome: Outcome, number: int) -> ClusterSheet:
    """All crops of a cluster, the most central first, and a tree of as many leaves as a page can show."""
    rows = outcome.members(number)
    return ClusterSheet(
        f"Cluster {number}", _pictures(outcome, rows), outcome.summary(number),
        [outcome.words(row) for row in rows], _tree(outcome, rows, _ALL_LEAVES),
    )  # fmt: skip


def some_crops(outcome: Outcome, title: str, rows: list[int], most: int) -> ClusterSheet:
    """The first of crops that are no cluster."""
    chosen = rows[:most]
    note = f"{len(chosen)} of {len(rows):,} shown" if len(chosen) < len(rows) else ""
    return ClusterSheet(title, _pictures(outcome, chosen), note, [outcome.words(row) for row in chosen])


def _pictures(outcome: Outcome, rows: list[int]) -> list[np.ndarray]:
    return pictures(outcome.material.crops, rows, _TALLEST)


def _part(chosen: list[int], rows: list[int]) -> str:
    return f" · {len(chosen)} crops shown" if len(chosen) < len(rows) else ""


def _tree(outcome: Outcome, rows: list[int], most: int) -> CropTree | None:
    """The tree of one cluster's crops, `rows` in order of how central they are; none of a lone crop."""
    if len(rows) < 2:
        return None
    tree = whole_tree(outcome.material.features.numpy[rows], outcome.settings, most)
    branches = [np.flatnonzero(tree.leaves == leaf).tolist() for leaf in range(len(tree.matrix) + 1)]
    images = _pictures(outcome, [rows[branch[0]] for branch in branches])
    leaves = []
    for image, branch in zip(images, branches, strict=True):
        row, size = rows[branch[0]], len(branch)
        label = f"×{size}" if size > 1 else outcome.camera(row)
        words = f"{size} crops, such as {outcome.words(row)}" if size > 1 else outcome.words(row)
        leaves.append(Leaf(image, label if len(label) <= _LONGEST_LABEL else "", words))
    notes = [_heights(tree.settings)]
    if tree.note:
        notes.append(f"{tree.note[:1].upper()}{tree.note[1:]}.")
    if len(branches) < len(rows):
        notes.append(
            f"{len(rows):,} crops are too many to draw: what was joined before {len(branches)} were left is one "
            "picture, with the number of its crops below."
        )
    return CropTree(tree.matrix, leaves, "merge cost", " ".join(notes))


def _heights(settings: HierarchySettings) -> str:
    """What the heights of a tree are made of."""
    linkage = (
        "" if settings.linkage == "none" else f"{settings.linkage} linkage of {settings.metric} distances"
    )
    weighs = settings.regularizer != "none" and settings.weight > 0
    added = f"{settings.weight:g} x {settings.regularizer}" if weighs else ""
    return f"Heights: {' plus '.join(part for part in (linkage, added) if part)}, one pair at a time."
