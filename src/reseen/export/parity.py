"""Parity of an exported file with its run: cosine between their vectors, and both scores on labeled data."""

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
from reseen.exported.input_spec import InputSpec
from reseen.exported.parity_limits import MIN_COSINE, MIN_COSINE_FLOAT16, MIN_MEDIAN_COSINE_INT8, Parity
from reseen.geometry import unit
from reseen.models import Encoder
from reseen.records import Features
from reseen.runs.console import Progress, RunView, no_progress
from reseen.runs.run import Run
from reseen.tasks.evaluation.score import Benchmark, retrieve

_BATCHES = (1, 3, 17)
"""Batch sizes, used in batch, to detect a graph that was traced for a fixed batch size."""

_SCORING_BATCH = 64

_OTHER_SIZE = (1.3, 1.7)
"""Factors of height and width for the check with crops of another size."""


def measure_parity(
    file: Callable[[np.ndarray], np.ndarray],
    encoder: Encoder,
    spec: InputSpec,
    crops: UInt8[Tensor, "n 3 h w"],
    progress: Progress = no_progress,
) -> Parity:
    """Compare a file's vectors with the encoder's on crops.

    Crops have the model's size; if `spec` allows any size, an eighth of them is also compared enlarged. Then the
    reference resizes as the graph does, in torch: the difference from Pillow is not measured here.

    Args:
        file: the opened file.
        encoder: the encoder that was exported.
        spec: the file's input.
        crops: RGB crops of the model's size, uint8.
        progress: called with the number of crops done.

    Raises:
        ExportError: the file's vectors have another shape, or are not of length 1.
    """
    cosines = [_cosines(file, crops, spec, _embedder(encoder), progress)]
    if spec.any_size:
        sample = crops[:: max(1, len(crops) // 8)]
        size = [
            round(side * factor)
            for side, factor in zip((encoder.height, encoder.width), _OTHER_SIZE, strict=True)
        ]
        enlarged = torch.stack([_resized(crop, *size) for crop in sample])
        deployed = DeployedEncoder(encoder, InputSpec("pixels", "nchw", "rgb"))
        cosines.append(_cosines(file, enlarged, spec, deployed, no_progress))
    values = np.concatenate(cosines)
    return Parity(float(values.min()), float(np.median(values)), len(values))


def _embedder(encoder: Encoder) -> Callable[[Tensor], Tensor]:
    return lambda images: encoder(normalize(images, encoder.mean, encoder.std))


def _resized(crop: UInt8[Tensor, "3 h w"], height: int, width: int) -> UInt8[Tensor, "3 y x"]:
    return torch.from_numpy(fit(crop.permute(1, 2, 0).numpy(), height, width).copy()).permute(2, 0, 1)


@torch.no_grad()
def _cosines(
    file: Callable[[np.ndarray], np.ndarray],
    crops: UInt8[Tensor, "n 3 h w"],
    spec: InputSpec,
    reference: Callable[[Tensor], Tensor],
    progress: Progress,
) -> Float64[np.ndarray, " n"]:
    cosines, start, batch = [], 0, 0
    while start < len(crops):
        images = crops[start : start + _BATCHES[batch % len(_BATCHES)]]
        cosines.append(_cosine(file(spec.arrange(images)), reference(images).numpy()))
        start, batch = start + len(images), batch + 1
        progress(len(images))
    return np.concatenate(cosines)


def _cosine(vectors: np.ndarray, expected: Float32[np.ndarray, "b d"]) -> Float64[np.ndarray, " b"]:
    if vectors.shape != expected.shape:
        raise ExportError(
            f"the file returns vectors of shape {vectors.shape}, expected {expected.shape}; it was not kept"
        )
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    if not np.allclose(lengths, 1, atol=1e-3):
        raise ExportError(
            f"the file returns vectors of length {lengths.min():.4f}, expected 1; it was not kept"
        )
    exact = expected.astype(np.float64)
    return (vectors * exact).sum(axis=1) / lengths / np.linalg.norm(exact, axis=1)


def require_parity(parity: Parity, precision: str) -> None:
    """Require the minimum cosine (float32, float16) or the median cosine (int8) of a file.

    Raises:
        ExportError: the cosine is too small, or not a number.
    """
    if precision == "float32" and not parity.minimum >= MIN_COSINE:
        raise ExportError(
            f"the file's vectors differ from the run's: smallest cosine {parity.minimum:.6f} over {parity.crops} "
            f"crops, required {MIN_COSINE}; it was not kept. Try another --format"
        )
    if precision == "float16" and not parity.minimum >= MIN_COSINE_FLOAT16:
        raise ExportError(
            f"float16 changes the vectors too much: smallest cosine {parity.minimum:.6f} over {parity.crops} crops, "
            f"required {MIN_COSINE_FLOAT16}; it was not kept. Omit --fp16"
        )
    if precision == "int8" and not parity.median >= MIN_MEDIAN_COSINE_INT8:
        raise ExportError(
            f"int8 changes the vectors too much: median cosine {parity.median:.3f} over {parity.crops} crops, required "
            f"{MIN_MEDIAN_COSINE_INT8}; it was not kept. Calibrate on more crops from your cameras, or omit --int8"
        )


@dataclass(frozen=True)
class Scores:
    """Retrieval scores of the run and of the exported file."""

    run: RetrievalScore
    file: RetrievalScore


def compare_scores(
    run: Run,
    file: Callable[[np.ndarray], np.ndarray],
    spec: InputSpec,
    benchmark: Benchmark,
    part: str | None = None,
    quiet: bool = True,
) -> Scores:
    """Score the same query and gallery with the run's encoder and with the exported file.

    Raises:
        SettingsError: a video benchmark, whose tracklets average vectors before normalization.
    """
    if benchmark.protocol == "video":
        raise SettingsError(
            "--score: this benchmark ranks tracklets but the file embeds single crops; give an image benchmark"
        )
    options = ScoringOptions(protocol=benchmark.protocol, details=False)
    retrieval = retrieve(run, benchmark, options=options, part=part, quiet=quiet)  # type: ignore[arg-type]
    with RunView(0, quiet) as view:
        features = []
        for name, crops in (("query", retrieval.query), ("gallery", retrieval.gallery)):
            features.append(
                file_features(file, spec, crops, view.phase(f"{name}, exported file", len(crops)))
            )
    task = replace(retrieval.task, query=features[0], gallery=features[1])
    return Scores(retrieval.score(quiet), replace(retrieval, task=task).score(quiet))


def file_features(
    file: Callable[[np.ndarray], np.ndarray], spec: InputSpec, crops: Crops, progress: Callable[[int], None]
) -> Features:
    """Unit vectors of all crops by an exported file, in row order."""
    parts = []
    for start in range(0, len(crops), _SCORING_BATCH):
        rows = torch.arange(start, min(start + _SCORING_BATCH, len(crops)))
        parts.append(torch.from_numpy(np.asarray(file(spec.arrange(crops.images(rows))))))
        progress(len(rows))
    return Features(unit(torch.cat(parts)))
