"""Estimates of `reseen embed`, and of `reseen index` into a folder."""

import tempfile
from math import log
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reseen.data.table import ImageTable
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.filter import Filter
from reseen.gallery.index import PART, thumbnails_of
from reseen.gallery.stores.edge import EdgeStore
from reseen.gallery.stores.edge_shard import SEGMENT
from reseen.plan.benchmark import benchmark_embedding, open_source, startup_stage
from reseen.plan.cost_model import StageMeasurement, fit_cost_model
from reseen.plan.estimate import Estimate, PlanStage
from reseen.plan.sample import synthetic_features
from reseen.runs.console import RunView
from reseen.runs.recipe import Recipe
from reseen.runs.run import Run

_ROWS = 8192
"""Rows of the larger file that is written to measure."""


def plan_embedding(
    source: Run | Recipe | str | Path,
    images: int,
    data: str | Path | ImageTable | None = None,
    *,
    mirrored: bool = False,
    quiet: bool = False,
) -> Estimate:
    """Estimate time, memory and disk space of `embed` on this machine by a benchmark of its stages.

    Args:
        source: the run whose encoder is used, its folder, or a recipe or its name (its untrained encoder is equally
            fast).
        images: number of crops to plan for.
        data: crops for the benchmark; synthetic ones of 128 x 64 pixels if None.
        mirrored: embed each crop and its mirror image, as with `--flip`.
        quiet: show no progress.

    Raises:
        DataError: `data` cannot be read.
        SettingsError: the device of the recipe is not available.

    Example:
        >>> estimate = reseen.plan_embedding("cluster-contrast", images=1_000_000)
        >>> estimate.seconds, estimate.memory, estimate.disk  # seconds and bytes
    """
    with tempfile.TemporaryDirectory(prefix="reseen-plan-") as temporary, RunView(0, quiet) as view:
        progress = view.phase("benchmarking", 4)
        folder = Path(temporary)
        benchmark = benchmark_embedding(open_source(source), images, data, folder, progress, mirrored)
        writing = StageMeasurement("writing vectors")
        row_bytes = _measure_writing(folder / "vectors.parquet", benchmark.dimension, writing)
        progress(1)
        startup = startup_stage("reseen.features.embed", "timm")
        progress(1)
    stages = (startup, *benchmark.stages, writing.extrapolate(images, 2, 0.0, row_bytes * images))
    return Estimate("embed", images, stages, (f"based on a benchmark with {len(benchmark.table):,} crops",))


def _measure_writing(file: Path, dimension: int, measurement: StageMeasurement) -> float:
    """Measure writing a Parquet file of vectors at two sizes; return the file's bytes per row."""
    for rows in (_ROWS // 2, _ROWS):
        vectors = np.random.default_rng(0).standard_normal(rows * dimension, dtype=np.float32)
        table = pa.table(
            {
                "path": [f"{row:012d}.jpg" for row in range(rows)],
                "camera": pa.array(["camera"] * rows, pa.string()),
                "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors), dimension),
            }
        )
        with measurement.measure(rows):
            pq.write_table(table, file)
    return file.stat().st_size / _ROWS


_PARTS = 4
"""Parts (batches of entries) that are added to measure."""
_GRAPH = 4_000
"""Entries of the HNSW graph that is built to measure."""


def plan_indexing(
    source: Run | Recipe | str | Path,
    images: int,
    data: str | Path | ImageTable | None = None,
    *,
    mirrored: bool = False,
    quiet: bool = False,
) -> Estimate:
    """Estimate time, memory and disk space of `index` into a folder on this machine by a benchmark of its stages.

    Args:
        source: the run whose encoder is used, its folder, or a recipe or its name (its untrained encoder is equally
            fast).
        images: number of crops to plan for.
        data: crops for the benchmark; synthetic ones of 128 x 64 pixels if None.
        mirrored: embed each crop and its mirror image, as with `--flip`.
        quiet: show no progress.

    Raises:
        DataError: `data` cannot be read.
        SettingsError: the device of the recipe is not available.

    Example:
        >>> reseen.plan_indexing(reseen.open_run("runs/market"), images=100_000).disk  # bytes
    """
    with tempfile.TemporaryDirectory(prefix="reseen-plan-") as temporary, RunView(0, quiet) as view:
        progress = view.phase("benchmarking", 5)
        folder = Path(temporary)
        benchmark = benchmark_embedding(open_source(source), images, data, folder, progress, mirrored)
        scaling = StageMeasurement("thumbnails")
        with scaling.measure(len(benchmark.table)):
            thumbnails = thumbnails_of(benchmark.table)
        progress(1)
        adding, disk = _measure_adding(folder / "plain", benchmark.dimension, thumbnails, images)
        progress(1)
        stages = [
            startup_stage("reseen.gallery.index", "timm"),
            *benchmark.stages,
            PlanStage(scaling.name, scaling.seconds[0] / len(benchmark.table) * images, scaling.memory[0]),
            adding.extrapolate(images, images / PART, 0.0, disk),
        ]
        if images >= SEGMENT:
            stages.append(_graph_stage(folder / "graph", benchmark.dimension, images))
        progress(1)
    return Estimate("index", images, tuple(stages), (f"based on a benchmark with {_PARTS * PART:,} entries",))


def _measure_adding(
    folder: Path, dimension: int, thumbnails: list[bytes], images: int
) -> tuple[StageMeasurement, float]:
    """Measure adding one part of `PART` entries; also return the bytes on disk of a gallery of `images` entries."""
    measurement, sizes = StageMeasurement("gallery"), []
    with EdgeStore(folder, _identity(dimension), create=True) as store:
        for number in range(_PARTS):
            part = _part(number, dimension, thumbnails)
            with measurement.measure((number + 1) * PART):
                for _ in store.scan(Filter(keys=tuple(entry.key for entry in part.entries))):
                    pass
                store.add(part)
            sizes.append(float(_on_disk(folder)))
    disk = fit_cost_model(measurement.sizes, sizes).predict(images)
    # The time to add a part does not depend on the number of entries in the gallery.
    measurement.seconds = [sum(measurement.seconds) / _PARTS] * _PARTS
    return measurement, disk


def _graph_stage(folder: Path, dimension: int, images: int) -> PlanStage:
    """Building the HNSW graphs of `SEGMENT` entries each, scaled by n log n from a small one that is measured."""
    measurement = StageMeasurement("graphs")
    with EdgeStore(folder, _identity(dimension), create=True, segment=_GRAPH) as store:
        parts = [_part(number, dimension, [b""]) for number in range(_GRAPH // PART + 1)]
        for part in parts[:-1]:
            store.add(part)
        before = _on_disk(folder)
        with measurement.measure(_GRAPH):
            store.add(parts[-1])
    rows = len(parts) * PART
    scale = SEGMENT * log(SEGMENT) / (rows * log(rows))
    count = images // SEGMENT
    graph_bytes = max(_on_disk(folder) - before * len(parts) / (len(parts) - 1), 0.0) / rows
    memory = measurement.memory[0] + 8.0 * dimension * SEGMENT
    return PlanStage(
        measurement.name, count * scale * measurement.seconds[0], memory, graph_bytes * count * SEGMENT
    )


def _identity(dimension: int) -> ModelIdentity:
    return ModelIdentity("0" * 64, dimension, "plan", "none", 128, 64, "")


def _part(number: int, dimension: int, thumbnails: list[bytes]) -> Entries:
    entries = [
        Entry("/plan", f"{number:06d}-{row:06d}.jpg", thumbnails[row % len(thumbnails)], "camera", float(row))
        for row in range(PART)
    ]
    return Entries(entries, synthetic_features(PART, dimension).numpy)


def _on_disk(folder: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())
