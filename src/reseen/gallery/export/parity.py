"""Whether an exported file gives the vectors that the run gives."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from torch import Tensor

from reseen.data.decode import fit
from reseen.data.views import normalize
from reseen.engine.console import Progress, no_progress
from reseen.errors import ExportError
from reseen.gallery.export.form import InputForm
from reseen.gallery.export.graph import DeployedEncoder
from reseen.models import Encoder

WANTED = 0.99999
"""Smallest cosine in float32."""

WANTED_INT8 = 0.9
"""Smallest median cosine in int8; below it the file is of no use."""

_BATCHES = (1, 3, 17)
"""Batch sizes, taken in turn: a graph traced for one batch only would fail at the next."""

_OTHER_SIZE = (1.3, 1.7)
"""Height and width of crops of another size, over the model's."""


@dataclass(frozen=True)
class Parity:
    """Cosines of the file's vectors with the run's, over crops."""

    minimum: float
    median: float
    crops: int


def measure_parity(
    file: Callable[[np.ndarray], np.ndarray],
    encoder: Encoder,
    form: InputForm,
    crops: UInt8[Tensor, "n 3 h w"],
    progress: Progress = no_progress,
) -> Parity:
    """Compare on crops of the model's size, and where the form takes any size on some of another size too.

    The run's vectors come by the way of `reseen embed`. Crops of another size are resized by the graph in torch:
    how near that is to Pillow is another question.

    Raises:
        ExportError: the file's vectors have another shape or length than 1.
    """
    found = [_cosines(file, crops, form, _embedder(encoder), progress)]
    if form.any_size:
        some = crops[:: max(1, len(crops) // 8)]
        size = [
            round(side * factor)
            for side, factor in zip((encoder.height, encoder.width), _OTHER_SIZE, strict=True)
        ]
        larger = torch.stack([_larger(crop, *size) for crop in some])
        deployed = DeployedEncoder(encoder, InputForm("pixels", "nchw", "rgb"))
        found.append(_cosines(file, larger, form, deployed, no_progress))
    cosines = np.concatenate(found)
    return Parity(float(cosines.min()), float(np.median(cosines)), len(cosines))


def _embedder(encoder: Encoder) -> Callable[[Tensor], Tensor]:
    return lambda images: encoder(normalize(images, encoder.mean, encoder.std))


def _larger(crop: UInt8[Tensor, "3 h w"], height: int, width: int) -> UInt8[Tensor, "3 y x"]:
    return torch.from_numpy(fit(crop.permute(1, 2, 0).numpy(), height, width).copy()).permute(2, 0, 1)


@torch.no_grad()
def _cosines(
    file: Callable[[np.ndarray], np.ndarray],
    crops: UInt8[Tensor, "n 3 h w"],
    form: InputForm,
    reference: Callable[[Tensor], Tensor],
    progress: Progress,
) -> Float64[np.ndarray, " n"]:
    found, start, turn = [], 0, 0
    while start < len(crops):
        images = crops[start : start + _BATCHES[turn % len(_BATCHES)]]
        found.append(_cosine(file(form.arrange(images)), reference(images).numpy()))
        start, turn = start + len(images), turn + 1
        progress(len(images))
    return np.concatenate(found)


def _cosine(given: np.ndarray, wanted: Float32[np.ndarray, "b d"]) -> Float64[np.ndarray, " b"]:
    if given.shape != wanted.shape:
        raise ExportError(
            f"the file gives vectors of shape {given.shape}, wanted {wanted.shape}; it is not kept"
        )
    lengths = np.linalg.norm(given.astype(np.float64), axis=1)
    if not np.allclose(lengths, 1, atol=1e-3):
        raise ExportError(f"the file gives vectors of length {lengths.min():.4f}, wanted 1; it is not kept")
    exact = wanted.astype(np.float64)
    return (given * exact).sum(axis=1) / lengths / np.linalg.norm(exact, axis=1)


def demand(parity: Parity, precision: str) -> None:
    """Refuse a file that is not the model.

    Raises:
        ExportError: too small a cosine.
    """
    if precision == "float32" and not parity.minimum >= WANTED:
        raise ExportError(
            f"the file's vectors are not the run's: smallest cosine {parity.minimum:.6f} over {parity.crops} crops, "
            f"wanted {WANTED}; it is not kept. Take another --format"
        )
    if precision == "int8" and not parity.median >= WANTED_INT8:
        raise ExportError(
            f"int8 changes the vectors too much: median cosine {parity.median:.3f} over {parity.crops} crops, wanted "
            f"{WANTED_INT8}; it is not kept. Calibrate on more crops of your cameras, or leave --int8 out"
        )
