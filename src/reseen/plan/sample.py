"""A few crops to rehearse on: some of a person's own, or made-up ones of the usual size."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from reseen.data.crops import Crops
from reseen.data.table import ImageTable
from reseen.datasets import read_training
from reseen.geometry import unit
from reseen.records import Features

_SEED = 0
_DIRECTIONS, _APART, _GRAIN = 24, 0.8, 0.3
"""In how many directions made-up people differ, how far crops of one lie apart in them, and in all others."""
_APART_UNTRAINED = 1.1
"""How far crops of a person lie apart before training."""
_CAMERAS = 6
_SIZE = (128, 64)
"""Height and width of made-up crops, in pixels."""
_DETAIL = 8
"""Pixels per blob of a made-up crop: its file is about as large as that of a photograph."""


def sample_table(folder: Path, data: str | Path | ImageTable | None, count: int) -> ImageTable:
    """Up to `count` crops: drawn from `data`, or made up and written into `folder`.

    Raises:
        DataError: `data` cannot be read.
    """
    generator = np.random.default_rng(_SEED)
    if data is not None:
        table = data if isinstance(data, ImageTable) else read_training(Path(data).expanduser())
        rows = np.sort(generator.choice(len(table), min(count, len(table)), replace=False))
        return table.select(rows)
    names = []
    for number in range(count):
        names.append(f"{number:06d}.jpg")
        _picture(generator).save(folder / names[-1], quality=90)
    cameras = np.arange(count, dtype=np.int64) % _CAMERAS
    return ImageTable(folder, tuple(names), cameras, tuple(f"camera{place}" for place in range(_CAMERAS)))


def repeated(crops: Crops, count: int) -> Crops:
    """As many crops as asked for, the same ones again and again."""
    return crops.select(np.arange(count) % len(crops))


def mixture(count: int, dimension: int, raw: bool = False, *, untrained: bool = False) -> Features:
    """Vectors in groups of 20 on average, some much larger, which overlap as those of people do.

    What clustering by shared neighbors takes grows with the pairs that share any. Of 2,967 crops of Market-1501 a crop
    shares one with 1,650 others before training and with 551 after it; here with 670, and with 1,680 of `untrained`
    features.
    """
    generator = torch.Generator().manual_seed(_SEED)
    people = max(count // 20, 2)
    often = torch.empty(people).exponential_(generator=generator)
    who = torch.multinomial(often, count, replacement=True, generator=generator)
    places = torch.randn(people, _DIRECTIONS, generator=generator)[who]
    places += (_APART_UNTRAINED if untrained else _APART) * torch.randn(
        count, _DIRECTIONS, generator=generator
    )
    vectors = places @ (torch.randn(_DIRECTIONS, dimension, generator=generator) / _DIRECTIONS**0.5)
    vectors += _GRAIN * torch.randn(count, dimension, generator=generator)
    return Features(unit(vectors), raw=raw)


def _picture(generator: np.random.Generator) -> Image.Image:
    height, width = _SIZE
    small = generator.integers(0, 256, (height // _DETAIL, width // _DETAIL, 3), dtype=np.uint8)
    large = np.asarray(
        Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16
    )
    grain = generator.integers(-12, 13, large.shape, dtype=np.int16)
    return Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8))
