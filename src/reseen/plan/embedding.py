"""What embedding a folder will take."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reseen.data.table import ImageTable
from reseen.engine.console import RunView
from reseen.engine.recipe import Recipe
from reseen.engine.run import Run
from reseen.plan.estimate import Estimate
from reseen.plan.measured import Measured
from reseen.plan.model import planned_model
from reseen.plan.rehearsal import SAMPLE, decoding, decoding_stage, looking, looking_stage
from reseen.plan.sample import sample_table

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
        progress = view.phase("rehearsing", 3)
        folder = Path(place)
        model = planned_model(source, folder / "cache")
        encoder = model.encoder
        table = sample_table(folder, data, min(SAMPLE, images))
        crops, decoded = decoding(table, model.data, encoder.height, encoder.width)
        progress(1)
        looked = looking("embedding", encoder, crops, model.device)
        progress(1)
        written = Measured("writing vectors")
        bytes_per_row = _write(folder / "vectors.parquet", encoder.dimension, written)
        progress(1)
    stages = (
        decoding_stage(decoded, model.data, crops, images),
        looking_stage(looked, encoder.dimension, images),
        written.stage(images, 2, 8.0 * encoder.dimension, bytes_per_row * images),
    )
    return Estimate("embed", images, stages, (f"rehearsed on {len(table):,} crops",))


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
