"""Whether an exported file gives the vectors that the run gives.

What an export costs in rank-1 and mean average precision, where labelled data is at hand.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from torch import Tensor

from reseen.data.crops import Crops
from reseen.data.decode import fit
from reseen.data.views import normalize
from reseen.errors import ExportError, SettingsError
from reseen.evaluate.metrics import RetrievalScore
from reseen.evaluate.scoring import ScoringOptions
from reseen.export.graph import DeployedEncoder
from reseen.export.input_spec import InputSpec
from reseen.geometry import unit
from reseen.models import Encoder
from reseen.records import Features
from reseen.runs.console import Progress, RunView, no_progress
from reseen.runs.run import Run
from reseen.tasks.evaluation.score import Benchmark, retrieve

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
    form: InputSpec,
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
        deployed = DeployedEncoder(encoder, InputSpec("pixels", "nchw", "rgb"))
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
    form: InputSpec,
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


def require_parity(parity: Parity, precision: str) -> None:
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


_BATCH = 64


@dataclass(frozen=True)
class Scores:
    """Of the run, and of the file."""

    run: RetrievalScore
    file: RetrievalScore


def compare_scores(
    run: Run,
    file: Callable[[np.ndarray], np.ndarray],
    form: InputSpec,
    benchmark: Benchmark,
    part: str | None = None,
    quiet: bool = True,
) -> Scores:
    """Score the same query and gallery twice: by the run's encoder and by the file.

    Raises:
        SettingsError: the benchmark is scored by tracklets, which are averaged before unit length.
    """
    if benchmark.protocol == "video":
        raise SettingsError(
            "--score: this benchmark ranks tracklets, the file embeds crops; take one of crops"
        )
    options = ScoringOptions(protocol=benchmark.protocol, details=False)
    retrieval = retrieve(run, benchmark, options=options, part=part, quiet=quiet)  # type: ignore[arg-type]
    with RunView(0, quiet) as view:
        sides = []
        for name, crops in (("query", retrieval.query), ("gallery", retrieval.gallery)):
            sides.append(file_features(file, form, crops, view.phase(f"{name}: by the file", len(crops))))
    task = replace(retrieval.task, query=sides[0], gallery=sides[1])
    return Scores(retrieval.score(quiet), replace(retrieval, task=task).score(quiet))


def file_features(
    file: Callable[[np.ndarray], np.ndarray], form: InputSpec, crops: Crops, progress: Callable[[int], None]
) -> Features:
    """The file's vectors of every crop, in row order."""
    parts = []
    for start in range(0, len(crops), _BATCH):
        rows = torch.arange(start, min(start + _BATCH, len(crops)))
        parts.append(torch.from_numpy(np.asarray(file(form.arrange(crops.images(rows))))))
        progress(len(rows))
    return Features(unit(torch.cat(parts)))
