"""Crops to calibrate on and to check with: a few, drawn with a seed."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from reseen.data.crops import open_crops
from reseen.data.settings import DataSettings
from reseen.data.table import ImageTable
from reseen.datasets import read_training
from reseen.errors import DataError, ReseenError
from reseen.models import Encoder
from reseen.runs.load_table import load_other_table, load_table
from reseen.runs.run import Run
from reseen.synthetic import draw_crowd

CHECKED = 64
"""Crops that a file is checked with."""

FEWEST = 16
"""Crops that a calibration needs at least."""

Pixels = UInt8[Tensor, "n 3 h w"]


def calibration_crops(
    run: Run, encoder: Encoder, folder: Path, count: int, seed: int
) -> tuple[Pixels, Pixels]:
    """At most `count` crops to calibrate on, and others to check with where the folder has more.

    Raises:
        DataError: the folder holds no crops, or too few.
    """
    table = load_other_table(run.recipe, folder)
    if len(table) < FEWEST:
        raise DataError(f"{folder}: holds {len(table)} crops; to calibrate int8 takes {FEWEST} at least")
    order = np.random.default_rng(seed).permutation(len(table))
    images = _read(table, order[: count + CHECKED], encoder)
    if len(images) < FEWEST:
        raise DataError(
            f"{folder}: only {len(images)} of the crops can be read; int8 takes {FEWEST} at least"
        )
    others = images[count:]
    return images[:count], others if len(others) >= FEWEST else images[-CHECKED:]


def check_crops(run: Run, encoder: Encoder, seed: int) -> tuple[Pixels, str]:
    """Crops that the run learned from where they still lie there, else drawn ones; and a word that says which."""
    root = run.facts.get("root")
    if root and Path(root).is_dir():
        try:
            table = load_table(run.recipe, root)[0]
            order = np.random.default_rng(seed).permutation(len(table))
            return _read(table, order[:CHECKED], encoder), "crops of the run's data"
        except ReseenError:  # moved or changed since: the check does not need them
            pass
    return drawn_crops(encoder, seed), "drawn crops"


def drawn_crops(encoder: Encoder, seed: int = 0) -> Pixels:
    """Crops of a drawn crowd."""
    with tempfile.TemporaryDirectory() as folder:
        crowd = Path(folder) / "crowd"
        draw_crowd(crowd, 8, 2, seed, height=encoder.height, width=encoder.width, processes=1, progress=False)
        table = read_training(crowd)
        return _read(table, np.arange(len(table))[:CHECKED], encoder)


def _read(table: ImageTable, rows: np.ndarray, encoder: Encoder) -> Pixels:
    """Pixels at the encoder's size, unreadable crops left out; nothing is kept on disk for so few."""
    settings = DataSettings(cache_gigabytes=0, unreadable_share=1)
    crops = open_crops(table.select(rows), settings, encoder.height, encoder.width, progress=False)
    return crops.images(torch.arange(len(crops)))
