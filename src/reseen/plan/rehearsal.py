"""The stages that most work has: decoding crops and looking at them with the encoder."""

import time

import torch

from reseen.data.settings import DataSettings
from reseen.data.table import ImageTable
from reseen.engine.crops import Crops, open_crops
from reseen.engine.extract import BATCH, extract
from reseen.models import Encoder
from reseen.plan.estimate import Stage
from reseen.plan.measured import Measured
from reseen.plan.sample import repeated

_BATCHES, _PATIENCE_SECONDS = 4, 4.0
SAMPLE = 512
"""Crops that are decoded and looked at."""


def decoding(table: ImageTable, settings: DataSettings, height: int, width: int) -> tuple[Crops, Measured]:
    """Decode the sample, timed.

    Raises:
        ImagesError: too many of the crops cannot be read.
    """
    measured = Measured("decoding crops")
    with measured.at(len(table)):
        crops = open_crops(table, settings, height, width, progress=False)
    return crops, measured


def decoding_stage(measured: Measured, settings: DataSettings, crops: Crops, images: int) -> Stage:
    """Decoding at another size; nothing is kept where that would not fit into the cache."""
    seconds = measured.seconds[0] / measured.sizes[0] * images
    disk = float(images) * crops.store.height * crops.store.width * 3
    return Stage(
        measured.name, seconds, measured.memory[0], disk if disk <= settings.cache_gigabytes * 1e9 else 0.0
    )


def looking(
    name: str, encoder: Encoder, crops: Crops, device: torch.device, mirrored: bool = False
) -> Measured:
    """Time the encoder over a batch after one that is not timed, or over several where they are done soon.

    Batches that follow each other are read while the one before is looked at, so that one alone takes longer.
    """
    measured = Measured(name)
    began = time.perf_counter()
    extract(encoder, repeated(crops, BATCH), device, mirrored=mirrored)
    count = BATCH if time.perf_counter() - began > _PATIENCE_SECONDS else _BATCHES * BATCH
    with measured.at(count):
        extract(encoder, repeated(crops, count), device, mirrored=mirrored)
    return measured


def looking_stage(measured: Measured, dimension: int, images: int, times: float = 1) -> Stage:
    """Looking at so many crops, `times` times over; all vectors are held, twice while they get their length."""
    seconds = measured.seconds[0] / measured.sizes[0] * images
    return Stage(measured.name, times * seconds, measured.memory[0] + 2.0 * 4 * dimension * images)
