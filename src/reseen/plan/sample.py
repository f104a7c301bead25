"""Inputs of benchmarks: a sample of the user's crops or synthetic ones, and synthetic features."""

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
_SUBSPACE = 24
"""Dimension of the subspace in which people differ (identity means have standard deviation 1 in it)."""
_WITHIN_STD, _WITHIN_STD_UNTRAINED = 0.8, 1.1
"""Standard deviation of the features of one person in that subspace, after and before training."""
_NOISE_STD = 0.3
"""Standard deviation of isotropic noise in all dimensions."""
_CAMERAS = 6
_SIZE = (128, 64)
"""Height and width of synthetic crops, in pixels."""
_BLOB = 8
"""Size of their color blobs, in pixels; makes a JPEG about as large as that of a photograph."""


def sample_table(folder: Path, data: str | Path | ImageTable | None, count: int) -> ImageTable:
    """Up to `count` crops: a random sample of `data`, or synthetic ones that are written to `folder`.

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
        _synthetic_image(generator).save(folder / names[-1], quality=90)
    cameras = np.arange(count, dtype=np.int64) % _CAMERAS
    return ImageTable(folder, tuple(names), cameras, tuple(f"camera{index}" for index in range(_CAMERAS)))


def repeat_crops(crops: Crops, count: int) -> Crops:
    """`count` crops, by repeating `crops` cyclically."""
    return crops.select(np.arange(count) % len(crops))


def synthetic_features(count: int, dimension: int, raw: bool = False, *, untrained: bool = False) -> Features:
    """Unit features (n, d) of a Gaussian mixture that imitates overlapping identities, 20 crops each on average.

    The cost of clustering by Jaccard distance grows with the number of pairs with shared neighbors. In 2,967 crops of
    Market-1501, a crop shares neighbors with 1,650 others before training and with 551 after it; in these features with
    670, and with 1,680 if `untrained`.
    """
    generator = torch.Generator().manual_seed(_SEED)
    people = max(count // 20, 2)
    weights = torch.empty(people).exponential_(generator=generator)
    identities = torch.multinomial(weights, count, replacement=True, generator=generator)
    latent = torch.randn(people, _SUBSPACE, generator=generator)[identities]
    within = _WITHIN_STD_UNTRAINED if untrained else _WITHIN_STD
    latent += within * torch.randn(count, _SUBSPACE, generator=generator)
    vectors = latent @ (torch.randn(_SUBSPACE, dimension, generator=generator) / _SUBSPACE**0.5)
    vectors += _NOISE_STD * torch.randn(count, dimension, generator=generator)
    return Features(unit(vectors), raw=raw)


def _synthetic_image(generator: np.random.Generator) -> Image.Image:
    height, width = _SIZE
    small = generator.integers(0, 256, (height // _BLOB, width // _BLOB, 3), dtype=np.uint8)
    large = np.asarray(
        Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16
    )
    noise = generator.integers(-12, 13, large.shape, dtype=np.int16)
    return Image.fromarray(np.clip(large + noise, 0, 255).astype(np.uint8))
