"""From a recipe and a place on disk to the table that is learned from or embedded."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from reseen.data.readers import layout as layouts
from reseen.data.readers import read_training
from reseen.data.table import ImageTable
from reseen.engine.recipe import Recipe
from reseen.records import UNKNOWN_CAMERA


def read_table(recipe: Recipe, data: str | Path | ImageTable) -> tuple[ImageTable, list[str]]:
    """The training table, and a sentence on how it was read, if it was."""
    if isinstance(data, ImageTable):
        table, sentence = data, []
    else:
        layout = None if recipe.data.layout == "auto" else recipe.data.layout
        table = read_training(Path(data), layout=layout, pattern=recipe.data.camera_pattern)
        sentence = [layouts.describe(table, layouts.parse(layout) or layouts.detect(Path(data).expanduser()))]
    return (table if recipe.cameras else _without_cameras(table)), sentence


def _without_cameras(table: ImageTable) -> ImageTable:
    return replace(table, cameras=np.full(len(table), UNKNOWN_CAMERA, dtype=np.int64), camera_names=())
