"""Build the pages of a clustering: a page of selected clusters, and a page of one cluster with its dendrogram."""

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
"""Crops shown per cluster."""
_LEAVES, _ALL_LEAVES = 24, 300
"""Maximum number of leaves of a dendrogram on the page of all clusters, and on the page of one."""
_MAX_HEIGHT = 128
"""Maximum height of thumbnails, in pixels; a page of some hundred crops stays at a few megabytes."""
_LONGEST_LABEL = 5
"""Maximum number of characters below a leaf."""


def row_of_crops(result: ClusterResult, number: int) -> ClusterSheet:
    """Crops of a cluster, evenly sampled from the most to the least central, and a small dendrogram."""
    rows = result.members(number)
    chosen = evenly_spaced(rows, _CROPS_PER_SHEET)
    tree = _tree(result, rows, _LEAVES)
    if tree is not None and len(rows) > len(tree.leaves):
        tree = CropTree(
            tree.matrix, tree.leaves, tree.heights, f"{tree.note} --dendrogram {number} draws more."
        )
    return ClusterSheet(
        f"Cluster {number}", _pictures(result, chosen), result.summary(number) + _part(chosen, rows),
        [result.describe(row) for row in chosen], tree,
    )  # fmt: skip


def every_crop(result: ClusterResult, number: int) -> ClusterSheet:
    """All crops of a cluster, the most central first, and a dendrogram of up to 300 leaves."""
    rows = result.members(number)
    return ClusterSheet(
        f"Cluster {number}", _pictures(result, rows), result.summary(number),
        [result.describe(row) for row in rows], _tree(result, rows, _ALL_LEAVES),
    )  # fmt: skip


def some_crops(result: ClusterResult, title: str, rows: list[int], most: int) -> ClusterSheet:
    """The first `most` of crops that do not form a cluster."""
    chosen = rows[:most]
    note = f"{len(chosen)} of {len(rows):,} shown" if len(chosen) < len(rows) else ""
    return ClusterSheet(title, _pictures(result, chosen), note, [result.describe(row) for row in chosen])


def _pictures(result: ClusterResult, rows: list[int]) -> list[np.ndarray]:
    return pictures(result.inputs.crops, rows, _MAX_HEIGHT)


def _part(chosen: list[int], rows: list[int]) -> str:
    return f" · {len(chosen)} crops shown" if len(chosen) < len(rows) else ""


def _tree(result: ClusterResult, rows: list[int], most: int) -> CropTree | None:
    """The dendrogram of a cluster's crops, `rows` being sorted by centrality; None for a single crop."""
    if len(rows) < 2:
        return None
    tree = whole_tree(result.inputs.features.numpy[rows], result.settings.tree, most)
    branches = [np.flatnonzero(tree.leaves == leaf).tolist() for leaf in range(len(tree.matrix) + 1)]
    images = _pictures(result, [rows[branch[0]] for branch in branches])
    leaves = []
    for image, branch in zip(images, branches, strict=True):
        row, size = rows[branch[0]], len(branch)
        label = f"×{size}" if size > 1 else result.camera(row)
        caption = f"{size} crops, such as {result.describe(row)}" if size > 1 else result.describe(row)
        leaves.append(Leaf(image, label if len(label) <= _LONGEST_LABEL else "", caption))
    notes = [_heights(tree.settings)]
    if tree.note:
        notes.append(f"{tree.note[:1].upper()}{tree.note[1:]}.")
    if len(branches) < len(rows):
        notes.append(
            f"{len(rows):,} crops are too many to draw: each of the {len(branches)} leaves is a branch, with the "
            "number of its crops below."
        )
    return CropTree(tree.matrix, leaves, "merge cost", " ".join(notes))


def _heights(settings: HierarchySettings) -> str:
    """A sentence on what the heights of a dendrogram are."""
    linkage = (
        "" if settings.linkage == "none" else f"{settings.linkage} linkage of {settings.metric} distances"
    )
    is_regularized = settings.regularizer != "none" and settings.weight > 0
    regularizer = f"{settings.weight:g} x {settings.regularizer}" if is_regularized else ""
    return f"Heights: {' plus '.join(part for part in (linkage, regularizer) if part)}, one pair at a time."


_CLUSTERS = 8
"""Clusters shown per group."""
_CROPS = 30
"""Crops shown of those outside clusters."""
_FEWEST = 3
"""Minimum size of a cluster that is shown for its spread."""
_ROW = "In each row the most central crop comes first; hover over a crop to see its path."


class _Selection(NamedTuple):
    name: str
    note: str
    numbers: list[int]


def write_pages(
    out: Path, result: ClusterResult, dendrograms: Sequence[int], view: RunView
) -> tuple[Path, tuple[Path, ...]]:
    """Write the page of all clusters next to `out`, and one page per cluster of `dendrograms`; returns their paths.

    Raises:
        StorageError: a page cannot be written.
    """
    selections, trees_of = _selections(result), list(dict.fromkeys(dendrograms))
    progress = view.phase("pages", sum(len(chosen.numbers) for chosen in selections) + len(trees_of))
    page = out.with_suffix(".html")
    write_clusters_page(page, _clusters_content(result, selections, progress))
    trees = []
    for number in trees_of:
        trees.append(out.with_name(f"cluster-{number}.html"))
        write_tree_page(trees[-1], _tree_content(result, number))
        progress(1)
    return page, tuple(trees)


def _selections(result: ClusterResult) -> list[_Selection]:
    """Disjoint groups of clusters to show: the largest, the most spread, and random ones."""
    sizes = result.labels.sizes
    largest = np.arange(min(len(sizes), _CLUSTERS))
    remaining = np.arange(len(largest), len(sizes))
    candidates = remaining[sizes[remaining] >= _FEWEST]
    per_crop = result.membership.square_errors / np.maximum(sizes, 1)
    spread = candidates[np.argsort(-per_crop[candidates], kind="stable")][:_CLUSTERS]
    remaining = np.setdiff1d(remaining[sizes[remaining] > 1], spread)
    sampled = np.sort(np.random.default_rng(0).permutation(remaining)[:_CLUSTERS])
    selections = [
        _Selection("Largest", "The most likely to contain several people.", largest.tolist()),
        _Selection("Most spread", "The highest sum of squared errors per crop.", spread.tolist()),
        _Selection("At random", "A random sample of the other clusters.", sampled.tolist()),
    ]
    return [selection for selection in selections if selection.numbers]


def _clusters_content(
    result: ClusterResult, selections: list[_Selection], progress: Progress
) -> ClustersContent:
    groups = []
    for selection in selections:
        sheets = []
        for number in selection.numbers:
            sheets.append(row_of_crops(result, number))
            progress(1)
        groups.append(SheetGroup(selection.name, f"{selection.note} {_ROW}", sheets))
    table, labels = result.inputs.crops.table, result.labels
    return ClustersContent(
        title=f"{counted(labels.cluster_count, 'cluster')} of {counted(len(table), 'crop')}",
        note=_sentence(result.chosen),
        figures=_figures(result),
        sizes=labels.sizes.tolist(),
        square_errors=result.membership.square_errors.tolist(),
        merges=list(result.merge_costs),
        groups=[*groups, *_crops_to_review(result)],
        facts=_facts(result),
        settings=result.settings.to_yaml(),
    )


def _tree_content(result: ClusterResult, number: int) -> TreeContent:
    return TreeContent(
        title=f"Cluster {number}",
        sheet=every_crop(result, number),
        note=f"{result.summary(number)}.",
        facts=_facts(result),
        settings=result.settings.to_yaml(),
    )


def _crops_to_review(result: ClusterResult) -> list[SheetGroup]:
    """Crops to review one by one: those more similar to another cluster than to their own, and noise."""
    membership, groups = result.membership, []
    doubtful = np.flatnonzero(membership.other_similarity > membership.similarity)
    if len(doubtful):
        margin = membership.other_similarity[doubtful] - membership.similarity[doubtful]
        rows = doubtful[np.argsort(-margin, kind="stable")].tolist()
        note = (
            "More similar to the mean of another cluster than to that of their own, by the largest margin first; "
            "hover over a crop to see which."
        )
        groups.append(
            SheetGroup("Doubtful", note, [some_crops(result, counted(len(rows), "crop"), rows, _CROPS)])
        )
    noise = result.members(NOISE)
    if noise:
        note = (
            "Outliers, or crops of clusters that were too small. Those most similar to a cluster come first."
            if result.settings.finds_outliers
            else "Their clusters were too small. Those most similar to a cluster come first."
        )
        groups.append(
            SheetGroup(
                "In no cluster", note, [some_crops(result, counted(len(noise), "crop"), noise, _CROPS)]
            )
        )
    return groups


def _figures(result: ClusterResult) -> list[Figure]:
    labels, sizes = result.labels, result.labels.sizes
    figures = [Figure("Clusters", f"{labels.cluster_count:,}", f"of {counted(len(labels), 'crop')}")]
    if len(sizes):
        figures.append(Figure("Median size", short(float(np.median(sizes))), f"largest {sizes[0]:,}"))
        single = int((sizes == 1).sum())
        figures.append(Figure("Single crops", f"{single:,}", "clusters of one crop"))
    one_camera = _one_camera(result)
    if one_camera is not None:
        figures.append(Figure("One camera", f"{one_camera:,}", "clusters of one camera only"))
    if labels.noise_share:
        noise = int((labels.labels == NOISE).sum())
        figures.append(Figure("In no cluster", f"{noise:,}", f"{percent(labels.noise_share)} of the crops"))
    doubtful = f"{result.membership.doubtful:,}"
    figures.append(Figure("Doubtful", doubtful, "crops more similar to another cluster"))
    return figures


def _one_camera(result: ClusterResult) -> int | None:
    """Number of clusters of at least two crops, all of one camera; None with fewer than two known cameras."""
    labels, cameras = result.labels, result.inputs.crops.cameras
    if cameras is None or len(np.unique(cameras)) < 2:
        return None
    inside = labels.labels != NOISE
    pairs = np.unique(np.stack([labels.labels[inside], cameras[inside]]), axis=1)
    cameras_of = np.bincount(pairs[0], minlength=labels.cluster_count)
    return int(((cameras_of == 1) & (labels.sizes > 1)).sum())


def _facts(result: ClusterResult) -> dict[str, str]:
    table = result.inputs.crops.table
    cameras = counted(len(table.camera_names), "camera") if table.has_cameras else "cameras unknown"
    return {
        "crops": f"{len(table):,} in {table.root}, {cameras}",
        "vectors": result.inputs.source,
        "command": command(),
    }


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
