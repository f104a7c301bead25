"""Exported files against PyTorch: crops per second in float32 and int8, alone and in a batch, on one thread and two."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

import reseen
from cases.case import Case, Options, row, timed
from reseen.data.views import normalize
from reseen.exported.exported_file import open_exported
from reseen.runs.run import Run
from reseen.synthetic import draw_crowd

_BATCHES = (1, 16)
_THREADS = (1, 2)
_FILES = {
    "onnxruntime float32": ("plain.onnx", False),
    "onnxruntime int8": ("int8.onnx", True),
    "OpenVINO float32": ("plain.xml", False),
    "OpenVINO int8": ("int8.xml", True),
}


def _run(options: Options) -> dict[str, Any]:
    """MobileNetV2 at 128 x 64 after one round on a drawn crowd; bytes in, unit vectors out, on every side."""
    rows, threads = [], torch.get_num_threads()
    calls = 1 if options.quick else 8
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run = tiny_run(folder)
        for file, int8 in _FILES.values():
            calibrate = folder / "crowd" if int8 else None
            reseen.export_run(run, folder / file, int8=int8, calibrate=calibrate, crops=32, quiet=True)
        for count in _THREADS:
            torch.set_num_threads(count)  # runtimes take torch's number of threads when a file is opened
            opened = {name: open_exported(folder / file) for name, (file, _) in _FILES.items()}
            for batch in _BATCHES:
                images = np.random.default_rng(0).integers(0, 256, (batch, 128, 64, 3), dtype=np.uint8)
                functions = [_repeat(_pytorch(run), images, calls)]
                functions += [_repeat(file, images, calls) for file in opened.values()]
                seconds = timed(options.repeat, *functions)
                for name, spent in zip(opened, seconds[1:], strict=True):
                    note = opened[name].card["reseen.calibration"] if "int8" in name else ""
                    rows.append(_row(name, spent, seconds[0], (batch, calls, count), note))
    torch.set_num_threads(threads)
    return {"rows": rows}


def tiny_run(folder: Path, backbone: str = "mobilenetv2_100") -> Run:
    """A run whose neck is settled, so that ranges are those of a real network's."""
    draw_crowd(folder / "crowd", people=12, cameras=3, processes=1, progress=False)
    (folder / "cache").mkdir()
    flags = [
        "--model.backbone", backbone, "--model.weights", "none", "--data.height", "128", "--data.width", "64",
        "--method.clustering.eps", "auto", "--method.clustering.jaccard.k1", "8", "--method.clustering.jaccard.k2", "3",
        "--method.sampler.clusters-per-batch", "4", "--train.rounds", "1", "--train.iterations", "3",
        "--train.device", "cpu", "--data.cache-dir", str(folder / "cache"),
    ]  # fmt: skip
    return reseen.train(
        reseen.load_recipe("cluster-contrast", flags), folder / "crowd", folder / "run", quiet=True
    )


def _pytorch(run: Run) -> Callable[[np.ndarray], Any]:
    encoder = run.encoder()  # channels-last

    @torch.no_grad()
    def embed(images: np.ndarray) -> torch.Tensor:
        return encoder(normalize(torch.from_numpy(images).permute(0, 3, 1, 2), encoder.mean, encoder.std))

    return embed


def _repeat(file: Callable[[np.ndarray], Any], images: np.ndarray, calls: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(calls):
            file(images)

    return work


def _row(
    name: str, seconds: list[float], against: list[float], size: tuple[int, int, int], note: str
) -> dict[str, Any]:
    batch, calls, threads = size
    rate, other = (batch * calls / median(spent) for spent in (seconds, against))
    return row(
        f"{name}, batch {batch}, {threads} thread{'s' * (threads > 1)}: {rate:,.0f} crops/s",
        seconds,
        against=f"PyTorch float32, channels-last, {other:,.0f} crops/s",
        against_seconds=against,
        limit="the network's products at the processor's float32 or 8-bit rate",
        note=note,
    )


EXPORT = Case("export", "faster than PyTorch", _run)
"""Exported MobileNetV2 by onnxruntime and OpenVINO against PyTorch."""
