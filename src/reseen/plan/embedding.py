"""Estimate of `reseen embed`."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reseen.data.table import ImageTable
from reseen.plan.benchmark import benchmark_embedding, open_source, startup_stage
from reseen.plan.cost_model import StageMeasurement
from reseen.plan.estimate import Estimate
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
    quiet: bool = False,
) -> Estimate:
    """Estimate time, memory and disk space of `embed` on this machine by a benchmark of its stages.

    Args:
        source: the run whose encoder is used, its folder, or a recipe or its name (its untrained encoder is equally
            fast).
        images: number of crops to plan for.
        data: crops for the benchmark; synthetic ones of 128 x 64 pixels if None.
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
        benchmark = benchmark_embedding(open_source(source), images, data, folder, progress)
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
