"""`reseen embed` from decoded crops against the bare forward of the same engine: PyTorch, onnxruntime and OpenVINO."""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
import torch

import reseen
from cases.case import Case, Options, kept, row, timed
from cases.export import tiny_run
from reseen.data.views import normalize
from reseen.exported.exported_file import open_exported
from reseen.exported.openvino_file import write_openvino
from reseen.features import engine as engines
from reseen.features import extract as extraction
from reseen.reading import parse_json
from reseen.runs.run import Run

_CROPS = 8192
_GOAL = 0.95
"""Crops per second of `reseen embed`, relative to those of the bare forward."""

_ENGINES: dict[str, dict[str, str]] = {
    "PyTorch, 32": {},
    "PyTorch, auto": {"precision": "auto"},
    "PyTorch, bf16": {"precision": "bf16"},
    "onnxruntime, float32": {"exported": "plain.onnx"},
    "onnxruntime, int8": {"exported": "int8.onnx"},
    "OpenVINO, float32": {"exported": "plain.xml"},
    "OpenVINO, int8": {"exported": "int8.xml"},
}


def _run(options: Options) -> dict[str, Any]:
    """MobileNetV2 at 128 x 64; opening the run, comparing with PyTorch and writing the file are part of `embed`."""
    with tempfile.TemporaryDirectory(prefix="reseen-engines-") as place:
        folder = Path(place)
        run = tiny_run(folder, "test_resnet" if options.quick else "mobilenetv2_100")
        crops = 256 if options.quick else _CROPS
        for name, int8 in (("plain", False), ("int8", True)):
            calibrate = folder / "crowd" if int8 else None
            made = reseen.export_run(
                run, folder / f"{name}.onnx", int8=int8, calibrate=calibrate, crops=32, quiet=True
            )
            write_openvino(made.file, made.card, folder / f"{name}.xml")
        data = _copies(folder / "crowd", folder / "crops", crops)
        return {"rows": [_row(options, folder, run, data, crops, name) for name in _ENGINES]}


def _copies(source: Path, target: Path, count: int) -> Path:
    """A folder of `count` crops: the drawn ones under many names."""
    files = sorted(source.rglob("*.jpg"))
    target.mkdir()
    for number in range(count):
        shutil.copyfile(files[number % len(files)], target / f"{number:06d}.jpg")
    return target


def _row(options: Options, folder: Path, run: Run, data: Path, crops: int, name: str) -> dict[str, Any]:
    chosen = dict(_ENGINES[name])
    if "exported" in chosen:
        chosen["exported"] = str(folder / chosen["exported"])
    out = folder / "vectors.parquet"
    settings: dict[str, Any] = {"feature_cache": 0, "quiet": True, **chosen}

    def embed() -> None:
        reseen.embed(run.folder, data, out, **settings)

    forward, batch = _forward(run, chosen)
    seconds, bare = timed(options.repeat, embed, kept(lambda: _repeat(forward, crops // batch)))
    facts = parse_json(pq.read_schema(out).metadata[b"reseen"])
    parity = facts.get("parity")
    cosines = f"; cosine with PyTorch in float32 at least {parity['minimum']:.6f}" if parity else ""
    rate, limit = crops / median(seconds), crops / median(bare)
    return row(
        f"reseen embed, {run.recipe.model.backbone} at 128 x 64, {name}: {rate:,.0f} crops/s",
        seconds,
        against=f"its bare forward on prepared arrays, {limit:,.0f} crops/s",
        against_seconds=bare,
        limit="the bare forward",
        goal_met=None if options.quick else rate >= _GOAL * limit,
        note=f"{rate / limit:.1%} of the bare forward, in batches of {batch}{cosines}",
    )


def _forward(run: Run, chosen: dict[str, Any]) -> tuple[Callable[[], Any], int]:
    """The engine on one prepared array of the faster of two batch sizes, and that size."""
    found: list[tuple[float, Callable[[], Any], int]] = []
    for batch in (engines.BATCH, extraction.BATCH):
        pixels = np.random.default_rng(0).integers(0, 256, (batch, 128, 64, 3), dtype=np.uint8)
        forward = (
            _exported(chosen["exported"], pixels)
            if "exported" in chosen
            else _pytorch(run, pixels, chosen.get("precision", "32"))
        )
        forward()
        began = time.perf_counter()
        _repeat(forward, 512 // batch)
        found.append((time.perf_counter() - began, forward, batch))
    _, fastest, batch = min(found, key=lambda entry: entry[0])
    return fastest, batch


def _exported(file: str, pixels: np.ndarray) -> Callable[[], Any]:
    opened = open_exported(file)
    return lambda: opened(pixels)


def _pytorch(run: Run, pixels: np.ndarray, precision: Literal["32", "auto", "bf16"]) -> Callable[[], Any]:
    encoder = engines.open_engine(run, run.encoder(), engines.EngineChoice(None, precision)).encoder
    images = normalize(torch.from_numpy(pixels).permute(0, 3, 1, 2), encoder.mean, encoder.std)

    @torch.no_grad()
    def forward() -> torch.Tensor:
        return encoder(images)

    return forward


def _repeat(forward: Callable[[], Any], calls: int) -> None:
    for _ in range(calls):
        forward()


EMBED_ENGINES = Case("embed-engines", f"{_GOAL:.0%} of the bare forward", _run)
"""Crops to a file of vectors by every engine."""
