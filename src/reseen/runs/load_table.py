"""From a recipe and a place on disk to the table that is learned from or embedded."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from reseen.data.table import ImageTable
from reseen.datasets import PATTERNED, describe, detect, parse_layout, read_training
from reseen.datasets.namings import part_folders
from reseen.records import UNKNOWN_CAMERA
from reseen.runs.recipe import Recipe


def load_table(recipe: Recipe, data: str | Path | ImageTable) -> tuple[ImageTable, list[str]]:
    """The training table, and a sentence on how it was read, if it was."""
    if isinstance(data, ImageTable):
        table, sentence = data, []
    else:
        root, layout, variant = Path(data).expanduser(), recipe.data.layout, recipe.data.variant
        table = read_training(root, layout, recipe.data.camera_pattern, variant)
        sentence = [describe(table, parse_layout(layout) or detect(root), variant, root)]
    return (table if recipe.cameras else _without_cameras(table)), sentence


def load_other_table(
    recipe: Recipe, data: str | Path | ImageTable, camera_pattern: str | None = None
) -> ImageTable:
    """The table of data that a run did not have to learn from.

    The layout is found anew, since other data may lie otherwise. A folder of your own names its cameras where the
    recipe says, or where `camera_pattern` says when it is given; not at all when that is empty.
    """
    if isinstance(data, ImageTable):
        return data
    root = Path(data).expanduser()
    given = camera_pattern_of(recipe, root, camera_pattern)
    asked = camera_pattern is not None and given != "" and detect(root) not in PATTERNED
    layout = "folder" if asked and root.is_dir() and not part_folders(root) else "auto"
    table = read_training(root, layout, given)
    return table if recipe.cameras else _without_cameras(table)


def camera_pattern_of(
    recipe: Recipe, root: Path, camera_pattern: str | None = None, layout: str | None = None
) -> str | None:
    """The pattern that was given, else the recipe's where the data may have one; None for none.

    Raises:
        DataError: nothing is there.
        SettingsError: an unknown layout.
    """
    patterned = (parse_layout(layout) or detect(root)) in PATTERNED
    if camera_pattern is None:
        return recipe.data.camera_pattern if patterned else None
    return camera_pattern if camera_pattern or patterned else None


def _without_cameras(table: ImageTable) -> ImageTable:
    return replace(table, cameras=np.full(len(table), UNKNOWN_CAMERA, dtype=np.int64), camera_names=())
