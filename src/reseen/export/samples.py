"""Random crops for int8 calibration and for the parity check, drawn with a seed."""

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

CHECK_CROPS = 64
"""Number of crops for the parity check."""

MIN_CALIBRATION_CROPS = 16
"""Fewest crops that int8 can be calibrated on."""

Pixels = UInt8[Tensor, "n 3 h w"]


def calibration_crops(
    run: Run, encoder: Encoder, folder: Path, count: int, seed: int
) -> tuple[Pixels, Pixels]:
    """At most `count` crops for calibration, and crops for the parity check: others if the folder has enough.

    Both are uint8 at the encoder's input size.

    Raises:
        DataError: the folder holds fewer readable crops than a calibration needs.
    """
    table = load_other_table(run.recipe, folder)
    if len(table) < MIN_CALIBRATION_CROPS:
        raise DataError(
            f"{folder}: holds {len(table)} crops; int8 calibration needs at least {MIN_CALIBRATION_CROPS}"
        )
    order = np.random.default_rng(seed).permutation(len(table))
    images = _read(table, order[: count + CHECK_CROPS], encoder)
    if len(images) < MIN_CALIBRATION_CROPS:
        raise DataError(
            f"{folder}: only {len(images)} of the crops can be read; int8 calibration needs "
            f"at least {MIN_CALIBRATION_CROPS}"
        )
    held_out = images[count:]
    return images[:count], held_out if len(held_out) >= MIN_CALIBRATION_CROPS else images[-CHECK_CROPS:]


def check_crops(run: Run, encoder: Encoder, seed: int) -> tuple[Pixels, str]:
    """Crops for the parity check and their origin: the run's training data if still available, else synthetic."""
    root = run.facts.get("root")
    if root and Path(root).is_dir():
        try:
            table = load_table(run.recipe, root)[0]
            order = np.random.default_rng(seed).permutation(len(table))
            return _read(table, order[:CHECK_CROPS], encoder), "crops of the run's data"
        except ReseenError:  # moved or changed since; synthetic crops will do
            pass
    return synthetic_crops(encoder, seed), "synthetic crops"


def synthetic_crops(encoder: Encoder, seed: int = 0) -> Pixels:
    """Synthetic crops, uint8 at the encoder's input size; the same for the same seed."""
    with tempfile.TemporaryDirectory() as folder:
        crowd = Path(folder) / "crowd"
        draw_crowd(crowd, 8, 2, seed, height=encoder.height, width=encoder.width, processes=1, progress=False)
        table = read_training(crowd)
        return _read(table, np.arange(len(table))[:CHECK_CROPS], encoder)


def _read(table: ImageTable, rows: np.ndarray, encoder: Encoder) -> Pixels:
    """Pixels at the encoder's input size, without unreadable crops and without a pixel cache on disk."""
    settings = DataSettings(cache_gigabytes=0, unreadable_share=1)
    crops = open_crops(table.select(rows), settings, encoder.height, encoder.width, progress=False)
    return crops.images(torch.arange(len(crops)))
