"""Gather what the pages of a clustering show: some clusters to judge by, or one with all its crops.

Sheets of single clusters: their crops, the most central first, and the tree that joined them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reseen.cluster.hierarchy import HierarchySettings, whole_tree
from reseen.environment import command
from reseen.pages import (
    ClustersContent,
    ClusterSheet,
    CropTree,
    Figure,
    Leaf,
    SheetGroup,
    TreeContent,
    write_clusters_page,
    write_tree_page,
)
from reseen.pages.album import evenly_spaced, pictures
from reseen.pages.axes import percent, short
from reseen.records import NOISE
from reseen.runs.console import Progress, RunView
from reseen.tasks.clustering.cluster_result import ClusterResult, counted

_CROPS_PER_SHEET = 15
"""Crops in a row."""
_LEAVES, _ALL_LEAVES = 24, 300
"""Leaves of a tree on the page of all clusters, and on the page of one."""
_TALLEST = 128
"""Pixels; so a page of some hundred crops stays a few megabytes."""
_LONGEST_LABEL = 5
"""Signs below a leaf."""


def row_of_crops(outcome: ClusterResult, number: int) -> ClusterSheet:
    """Some crops of a cluster, from the most to the least central, and a tree of a few dozen leaves at most."""
    rows = outcome.members(number)
    chosen = evenly_spaced(rows, _CROPS_PER_SHEET)
    tree = _tree(outcome, rows, _LEAVES)
    if tree is not None and len(rows) > len(tree.leaves):
        tree = CropTree(
            tree.matrix, tree.leaves, tree.heights, f"{tree.note} --dendrogram {number} draws more."
        )
    return ClusterSheet(
        f"Cluster {number}", _pictures(outcome, chosen), outcome.summary(number) + _part(chosen, rows),
        [outcome.words(row) for row in chosen], tree,
    )  # fmt: skip


def every_crop(outcome: ClusterResult, number: int) -> ClusterSheet:
    """All crops of a cluster, the most central first, and a tree of as many leaves as a page can show."""
    rows = outcome.members(number)
    return ClusterSheet(
        f"Cluster {number}", _pictures(outcome, rows), outcome.summary(number),
        [outcome.words(row) for row in rows], _tree(outcome, rows, _ALL_LEAVES),
    )  # fmt: skip


def some_crops(outcome: ClusterResult, title: str, rows: list[int], most: int) -> ClusterSheet:
    """The first of crops that are no cluster."""
    chosen = rows[:most]
    note = f"{len(chosen)} of {len(rows):,} shown" if len(chosen) < len(rows) else ""
    return ClusterSheet(title, _pictures(outcome, chosen), note, [outcome.words(row) for row in chosen])


def _pictures(outcome: ClusterResult, rows: list[int]) -> list[np.ndarray]:
    return pictures(outcome.material.crops, rows, _TALLEST)


def _part(chosen: list[int], rows: list[int]) -> str:
    return f" · {len(chosen)} crops shown" if len(chosen) < len(rows) else ""


def _tree(outcome: ClusterResult, rows: list[int], most: int) -> CropTree | None:
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


_CLUSTERS = 8
"""Clusters shown for each reason."""
_CROPS = 30
"""Crops shown that are no cluster."""
_FEWEST = 3
"""Crops in a cluster that is shown for its spread."""
_ROW = "In each row the most central crop comes first; the pointer on a crop shows its path."


class _Pick(NamedTuple):
    name: str
    note: str
    numbers: list[int]


def write_pages(
    out: Path, outcome: ClusterResult, dendrograms: Sequence[int], view: RunView
) -> tuple[Path, tuple[Path, ...]]:
    """Write the page of all clusters beside `out`, and one for each of the `dendrograms`; returns their places.

    Raises:
        StorageError: a page cannot be written.
    """
    picks, alone = _picks(outcome), list(dict.fromkeys(dendrograms))
    progress = view.phase("pages", sum(len(pick.numbers) for pick in picks) + len(alone))
    page = out.with_suffix(".html")
    write_clusters_page(page, _all(outcome, picks, progress))
    trees = []
    for number in alone:
        trees.append(out.with_name(f"cluster-{number}.html"))
        write_tree_page(trees[-1], _one(outcome, number))
        progress(1)
    return page, tuple(trees)


def _picks(outcome: ClusterResult) -> list[_Pick]:
    """Clusters to show and why, none twice."""
    sizes = outcome.labels.sizes
    largest = np.arange(min(len(sizes), _CLUSTERS))
    rest = np.arange(len(largest), len(sizes))
    able = rest[sizes[rest] >= _FEWEST]
    per_crop = outcome.membership.square_errors / np.maximum(sizes, 1)
    loose = able[np.argsort(-per_crop[able], kind="stable")][:_CLUSTERS]
    rest = np.setdiff1d(rest[sizes[rest] > 1], loose)
    usual = np.sort(np.random.default_rng(0).permutation(rest)[:_CLUSTERS])
    found = [
        _Pick("Largest", "Where two people were taken for one, it shows here first.", largest.tolist()),
        _Pick(
            "Most spread",
            "Whose crops agree least: the highest sum of squares per crop.",
            loose.tolist(),
        ),
        _Pick("At random", "What the others look like.", usual.tolist()),
    ]
    return [pick for pick in found if pick.numbers]


def _all(outcome: ClusterResult, picks: list[_Pick], progress: Progress) -> ClustersContent:
    groups = []
    for pick in picks:
        sheets = []
        for number in pick.numbers:
            sheets.append(row_of_crops(outcome, number))
            progress(1)
        groups.append(SheetGroup(pick.name, f"{pick.note} {_ROW}", sheets))
    table, labels = outcome.material.crops.table, outcome.labels
    return ClustersContent(
        title=f"{counted(labels.cluster_count, 'cluster')} of {counted(len(table), 'crop')}",
        note=_sentence(outcome.chosen),
        figures=_figures(outcome),
        sizes=labels.sizes.tolist(),
        square_errors=outcome.membership.square_errors.tolist(),
        merges=_merges(outcome),
        groups=[*groups, *_loose_ends(outcome)],
        facts=_facts(outcome),
        settings=outcome.settings.to_yaml(),
    )


def _one(outcome: ClusterResult, number: int) -> TreeContent:
    return TreeContent(
        title=f"Cluster {number}",
        sheet=every_crop(outcome, number),
        note=f"{outcome.summary(number)}.",
        facts=_facts(outcome),
        settings=outcome.settings.to_yaml(),
    )


def _loose_ends(outcome: ClusterResult) -> list[SheetGroup]:
    """Crops to look at one by one: those nearer to another cluster than to their own, and those in none."""
    found, groups = outcome.membership, []
    doubtful = np.flatnonzero(found.other_similarity > found.similarity)
    if len(doubtful):
        margin = found.other_similarity[doubtful] - found.similarity[doubtful]
        rows = doubtful[np.argsort(-margin, kind="stable")].tolist()
        note = (
            "Nearer to the mean of another cluster than to that of their own, the clearest first; the pointer on a "
            "crop tells which."
        )
        groups.append(
            SheetGroup("Doubtful", note, [some_crops(outcome, counted(len(rows), "crop"), rows, _CROPS)])
        )
    left = outcome.members(NOISE)
    if left:
        note = "Their clusters were too small. Those most like a cluster come first."
        groups.append(
            SheetGroup("In no cluster", note, [some_crops(outcome, counted(len(left), "crop"), left, _CROPS)])
        )
    return groups


def _figures(outcome: ClusterResult) -> list[Figure]:
    labels, sizes = outcome.labels, outcome.labels.sizes
    figures = [Figure("Clusters", f"{labels.cluster_count:,}", f"of {counted(len(labels), 'crop')}")]
    if len(sizes):
        figures.append(Figure("Median size", short(float(np.median(sizes))), f"largest {sizes[0]:,}"))
        lone = int((sizes == 1).sum())
        figures.append(Figure("Lone crops", f"{lone:,}", "clusters of a single crop"))
    alone = _one_camera(outcome)
    if alone is not None:
        figures.append(Figure("One camera", f"{alone:,}", "clusters that one camera alone saw"))
    if labels.noise_share:
        left = int((labels.labels == NOISE).sum())
        figures.append(Figure("In no cluster", f"{left:,}", f"{percent(labels.noise_share)} of the crops"))
    figures.append(Figure("Doubtful", f"{outcome.membership.doubtful:,}", "crops nearer to another cluster"))
    return figures


def _one_camera(outcome: ClusterResult) -> int | None:
    """Clusters that may be of a camera and not of a person; None where cameras are not known."""
    labels, cameras = outcome.labels, outcome.material.crops.cameras
    if cameras is None or len(np.unique(cameras)) < 2:
        return None
    inside = labels.labels != NOISE
    pairs = np.unique(np.stack([labels.labels[inside], cameras[inside]]), axis=1)
    seen = np.bincount(pairs[0], minlength=labels.cluster_count)
    return int(((seen == 1) & (labels.sizes > 1)).sum())


def _merges(outcome: ClusterResult) -> list[tuple[int, float]]:
    """Merges made after each step, and what the dearest of the step cost."""
    step, cost = outcome.hierarchy.step, outcome.hierarchy.cost
    if not len(step):
        return []
    starts = np.flatnonzero(np.diff(step, prepend=0))
    made = np.append(starts[1:], len(step))
    return list(zip(made.tolist(), np.maximum.reduceat(cost, starts).tolist(), strict=True))


def _facts(outcome: ClusterResult) -> dict[str, str]:
    table = outcome.material.crops.table
    cameras = counted(len(table.camera_names), "camera") if table.has_cameras else "no camera known"
    return {
        "crops": f"{len(table):,} in {table.root}, {cameras}",
        "vectors": outcome.material.source,
        "command": command(),
    }


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
