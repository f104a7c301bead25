"""Reads the table of crops that a run trains on or embeds."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from reseen.data.table import ImageTable
from reseen.datasets import PATTERNED, describe, detect, parse_layout, read_training
from reseen.datasets.namings import part_folders
from reseen.records import UNKNOWN_CAMERA
from reseen.runs.recipe import Recipe


def load_table(recipe: Recipe, data: str | Path | ImageTable) -> tuple[ImageTable, list[str]]:
    """Read the training table.

    Args:
        recipe: layout, pattern and variant; without cameras if `cameras` is false.
        data: a folder or manifest, or a table that is returned as it is.

    Returns:
        The table, and a list with one sentence on how it was read; empty if `data` is a table.

    Raises:
        DataError: the data cannot be read.
        SettingsError: the layout is unknown.
    """
    if isinstance(data, ImageTable):
        table, sentences = data, []
    else:
        root, layout, variant = Path(data).expanduser(), recipe.data.layout, recipe.data.variant
        table = read_training(root, layout, recipe.data.camera_pattern, variant)
        sentences = [describe(table, parse_layout(layout) or detect(root), variant, root)]
    return (table if recipe.cameras else _without_cameras(table)), sentences


def load_other_table(
    recipe: Recipe, data: str | Path | ImageTable, camera_pattern: str | None = None
) -> ImageTable:
    """Read a table of data other than the training data, whose layout is detected instead of taken from the recipe.

    Args:
        recipe: the recipe of the run.
        data: a folder or manifest, or a table that is returned as it is.
        camera_pattern: pattern of the camera in a path; None: that of the recipe; empty: no cameras.

    Raises:
        DataError: the data cannot be read.
    """
    if isinstance(data, ImageTable):
        return data
    root = Path(data).expanduser()
    pattern = camera_pattern_of(recipe, root, camera_pattern)
    needs_folder = camera_pattern is not None and pattern != "" and detect(root) not in PATTERNED
    layout = "folder" if needs_folder and root.is_dir() and not part_folders(root) else "auto"
    table = read_training(root, layout, pattern)
    return table if recipe.cameras else _without_cameras(table)


def camera_pattern_of(
    recipe: Recipe, root: Path, camera_pattern: str | None = None, layout: str | None = None
) -> str | None:
    """The given pattern, else that of the recipe if the layout of the data uses patterns; None for no pattern.

    Raises:
        DataError: `root` does not exist.
        SettingsError: the layout is unknown.
    """
    patterned = (parse_layout(layout) or detect(root)) in PATTERNED
    if camera_pattern is None:
        return recipe.data.camera_pattern if patterned else None
    return camera_pattern if camera_pattern or patterned else None


def _without_cameras(table: ImageTable) -> ImageTable:
    return replace(table, cameras=np.full(len(table), UNKNOWN_CAMERA, dtype=np.int64), camera_names=())
