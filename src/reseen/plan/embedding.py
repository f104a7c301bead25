"""What embedding a folder will take."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reseen.data.table import ImageTable
from reseen.plan.benchmark import embedding_stages, starting_stage
from reseen.plan.cost_model import Measured
from reseen.plan.estimate import Estimate
from reseen.runs.console import RunView
from reseen.runs.recipe import Recipe
from reseen.runs.run import Run

_ROWS = 8192
"""Rows of the file that is written."""


def plan_embedding(
    source: Run | Recipe, images: int, data: str | Path | ImageTable | None = None, *, quiet: bool = False
) -> Estimate:
    """Rehearse `embed` on this machine and say what it would take for `images` crops.

    Args:
        source: the run that embeds, or a recipe, whose untrained encoder is as fast.
        images: how many crops.
        data: crops to rehearse on; made-up ones of 128 x 64 pixels when not given.
        quiet: show no progress.

    Raises:
        DataError: `data` cannot be read.
        SettingsError: the recipe asks for a device that is not there.
    """
    with tempfile.TemporaryDirectory(prefix="reseen-plan-") as place, RunView(0, quiet) as view:
        progress = view.phase("rehearsing", 4)
        folder = Path(place)
        seen = embedding_stages(source, images, data, folder, progress)
        written = Measured("writing vectors")
        bytes_per_row = _write(folder / "vectors.parquet", seen.dimension, written)
        progress(1)
        started = starting_stage("reseen.features.embed", "timm")
        progress(1)
    stages = (started, *seen.stages, written.stage(images, 2, 0.0, bytes_per_row * images))
    return Estimate("embed", images, stages, (f"rehearsed on {len(seen.table):,} crops",))


def _write(file: Path, dimension: int, measured: Measured) -> float:
    """Time writing vectors at two sizes, as parts and the whole are written; bytes per row."""
    for rows in (_ROWS // 2, _ROWS):
        vectors = np.random.default_rng(0).standard_normal(rows * dimension, dtype=np.float32)
        table = pa.table(
            {
                "path": [f"{row:012d}.jpg" for row in range(rows)],
                "camera": pa.array(["camera"] * rows, pa.string()),
                "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors), dimension),
            }
        )
        with measured.at(rows):
            pq.write_table(table, file)
    return file.stat().st_size / _ROWS
