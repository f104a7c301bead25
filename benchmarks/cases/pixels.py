"""Crops through the pixel store and batch augmentation against the pipeline of the public codes."""

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import torch
from PIL import Image
from torchvision.transforms import v2

import reseen
from cases.case import Case, Options, row, timed
from reseen.data.pixels import open_pixels
from reseen.data.views import AugmentationSettings, augment
from reseen.synthetic import draw_crowd

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BATCH = 64


def _run(options: Options) -> dict[str, Any]:
    """One batch of 256 x 128 crops: stored pixels and tensors, or PIL and one image at a time."""
    with tempfile.TemporaryDirectory() as folder:
        crowd = Path(folder) / "crowd"
        draw_crowd(crowd, people=10, cameras=4, images_per_camera=6, progress=False)
        table = reseen.read_training(crowd)
        store = open_pixels(table, 256, 128, cache_dir=Path(folder) / "cache", progress=False)
        rows = torch.arange(_BATCH) % len(table)
        generator = torch.Generator().manual_seed(0)
        one_by_one = v2.Compose(
            [
                v2.Resize((256, 128), interpolation=v2.InterpolationMode.BICUBIC),
                v2.RandomHorizontalFlip(),
                v2.Pad(10),
                v2.RandomCrop((256, 128)),
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(_MEAN, _STD),
                v2.RandomErasing(0.5),
            ]
        )

        def ours() -> None:
            augment(store.images(rows), AugmentationSettings(), _MEAN, _STD, generator)

        def theirs() -> None:
            torch.stack([one_by_one(Image.open(table.path(row)).convert("RGB")) for row in rows.tolist()])

        stored, loaded = timed(options.repeat, ours, theirs)
    return {
        "rows": [
            row(
                f"pixels to augmented batch, {_BATCH / median(stored):,.0f} crops/s",
                stored,
                against="PIL and torchvision, one image at a time, same process",
                against_seconds=loaded,
                limit="writing the float batch once: memory bandwidth",
            )
        ]
    }


PIXELS = Case("pixels", "faster than any backbone learns on the CPU", _run)
