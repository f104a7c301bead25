"""What clustering a folder will take."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from reseen.cluster.hierarchy import HierarchySettings
from reseen.data.settings import DataSettings
from reseen.data.table import ImageTable
from reseen.errors import SettingsError
from reseen.features.partitions import vector_table
from reseen.features.vector_file import read_vectors
from reseen.plan.benchmark import (
    SAMPLE,
    decoding,
    decoding_stage,
    encoder_stage,
    planned_model,
    starting_stage,
    time_encoder,
)
from reseen.plan.cost_model import Measured, sizes_up_to
from reseen.plan.estimate import Estimate
from reseen.plan.sample import mixture, repeated, sample_table
from reseen.plan.training import shared_bytes
from reseen.records import Features
from reseen.runs.console import RunView
from reseen.runs.recipe import Recipe
from reseen.runs.run import Run
from reseen.tasks.clustering.cluster import as_csv, run_clustering
from reseen.tasks.clustering.cluster_pages import write_pages
from reseen.tasks.clustering.cluster_result import ClusterInput
from reseen.tasks.clustering.cluster_settings import hierarchy_settings

_MOST, _MOST_APPROXIMATE = 4_000, 16_000
_MADE_UP = (128, 64)
"""Height and width, in pixels, of crops on the page where no encoder says."""


def plan_clustering(
    source: Run | Recipe | int,
    images: int,
    data: str | Path | ImageTable | None = None,
    *,
    settings: HierarchySettings | Sequence[str] = (),
    quiet: bool = False,
) -> Estimate:
    """Rehearse `cluster` on this machine and say what it would take for `images` crops.

    Args:
        source: the run that looks at the crops, a recipe for one, or, where vectors are there already, how many
            numbers each has.
        images: how many crops.
        data: crops to rehearse on; made-up ones when not given.
        settings: those of the clustering, or flags, as for `cluster_crops`.
        quiet: show no progress.

    Raises:
        DataError: `data` cannot be read.
        SettingsError: a flag that does not fit, or vectors without numbers.
    """
    if not isinstance(source, int):
        recipe = source.recipe if isinstance(source, Run) else source
    elif source < 1:
        raise SettingsError(f"dimension: wanted 1 number per vector or more, got {source}")
    else:
        recipe = None
    if not isinstance(settings, HierarchySettings):
        settings = hierarchy_settings(recipe, settings)
    approximate = settings.approximates(images)
    if approximate:
        settings = settings.model_copy(update={"engine": "approximate"})
    sizes = sizes_up_to(images, _MOST_APPROXIMATE if approximate else _MOST)
    read, clustered, pages = Measured("reading vectors"), Measured("clustering", power=2), Measured("pages")
    with tempfile.TemporaryDirectory(prefix="reseen-plan-") as place, RunView(0, quiet) as view:
        progress = view.phase("rehearsing", 4 + len(sizes))
        folder = Path(place)
        table = sample_table(folder, data, min(SAMPLE, images))
        stages = [starting_stage("reseen.tasks.clustering.cluster", "timm")]
        progress(1)
        if isinstance(source, int):
            dimension, (height, width) = source, _MADE_UP
            crops, _ = decoding(table, DataSettings(cache_dir=folder / "cache"), height, width)
        else:
            model = planned_model(source, folder / "cache")
            dimension = model.encoder.dimension
            crops, decoded = decoding(table, model.data, model.encoder.height, model.encoder.width)
            looked = time_encoder("features", model.encoder, crops, model.device)
            stages += [
                decoding_stage(decoded, model.data, crops, images),
                encoder_stage(looked, dimension, images),
            ]
        progress(2)
        for count in (sizes[0], *sizes):  # the first time, everything is loaded
            file, features = folder / "clusters.csv", mixture(count, dimension)
            if isinstance(source, int):
                written = _write(folder / "vectors.parquet", features)
                with read.at(count):
                    read_vectors(written)
            material = ClusterInput(repeated(crops, count), features, "")
            with RunView(0, quiet=True) as silent:
                with clustered.at(count):
                    outcome = run_clustering(material, settings, 1, silent)
                if settings.metric == "jaccard" and len(clustered.squared) < len(clustered.sizes):
                    clustered.squared.append(shared_bytes(count, dimension, settings))
                with pages.at(count):
                    file.write_text(as_csv(outcome))
                    page, _ = write_pages(file, outcome, [], silent)
            left = file.stat().st_size * images / count + page.stat().st_size
            progress(1)
    row_bytes = 8.0 * dimension
    if read.sizes:
        stages.append(read.stage(images, 1, row_bytes))
    stages += [clustered.stage(images, 1, row_bytes), pages.stage(images, 1, row_bytes, left)]
    index = "an approximate index" if approximate else "exact search"
    return Estimate("cluster", images, tuple(stages), (f"rehearsed with {index}, up to {sizes[-1]:,} crops",))


def _write(file: Path, features: Features) -> Path:
    """Vectors as `embed` writes them."""
    names = [f"{row:06d}.jpg" for row in range(len(features))]
    pq.write_table(vector_table(names, [None] * len(names), features.numpy, {}), file)
    return file
