"""Estimates of `reseen cluster`: on crops, on vectors with crops, and on vectors without images."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from reseen.cluster.clusterings import AbstractClustering
from reseen.data.settings import DataSettings
from reseen.data.table import ImageTable
from reseen.errors import SettingsError
from reseen.features.partitions import vector_table
from reseen.features.vector_file import read_vectors
from reseen.plan.benchmark import (
    SAMPLE,
    decoding_stage,
    encoder_stage,
    measure_decoding,
    open_source,
    prepare_model,
    startup_stage,
    time_encoder,
)
from reseen.plan.cost_model import StageMeasurement, benchmark_sizes, fit_cost_model
from reseen.plan.estimate import Estimate
from reseen.plan.sample import repeat_crops, sample_table, synthetic_features
from reseen.plan.training import pair_bytes
from reseen.records import Features
from reseen.runs.console import RunView
from reseen.runs.process_memory import show_memory
from reseen.runs.recipe import Recipe
from reseen.runs.run import Run
from reseen.tasks.clustering.cluster import as_csv, run_clustering
from reseen.tasks.clustering.cluster_pages import write_pages
from reseen.tasks.clustering.cluster_result import ClusterInput
from reseen.tasks.clustering.cluster_settings import (
    VectorClusterSettings,
    cluster_settings,
    vector_settings,
)
from reseen.tasks.clustering.cluster_vectors import cluster_vectors, memory_budget, plan_memory

_MAX_EXACT, _MAX_APPROXIMATE = 4_000, 16_000
"""Crops of the largest benchmark, with an exact and with an approximate search."""
_DEFAULT_SIZE = (128, 64)
"""Height and width, in pixels, of crops on the page if there is no encoder to define it."""


def plan_clustering(
    source: Run | Recipe | str | Path | int,
    images: int,
    data: str | Path | ImageTable | None = None,
    *,
    settings: AbstractClustering | Sequence[str] = (),
    method: str | None = None,
    quiet: bool = False,
) -> Estimate:
    """Estimate time, memory and disk space of `cluster` on this machine by a benchmark of its stages.

    Args:
        source: the run whose encoder is used, its folder, a recipe or its name (its untrained encoder is equally fast),
            or the dimension of existing vectors.
        images: number of crops to plan for.
        data: crops for the benchmark; synthetic ones of 128 x 64 pixels if None.
        settings: settings or flags of the clustering, as for `cluster_crops`.
        method: name of the clustering, as for `cluster_crops`.
        quiet: show no progress.

    Raises:
        DataError: `data` cannot be read.
        SettingsError: a flag is invalid, or the dimension is below 1.

    Example:
        >>> reseen.plan_clustering("runs/market", images=200_000).seconds
    """
    if not isinstance(source, int):
        source = open_source(source)
        recipe = source.recipe if isinstance(source, Run) else source
    elif source < 1:
        raise SettingsError(f"dimension: expected at least 1, got {source}")
    else:
        recipe = None
    if not isinstance(settings, AbstractClustering):
        settings = cluster_settings(recipe, settings, method)
    approximate, power = settings.approximates(images), settings.time_power(images)
    settings = settings.for_size(images)
    sizes = benchmark_sizes(images, _MAX_APPROXIMATE if approximate else _MAX_EXACT)
    reading, clustering, pages = (
        StageMeasurement("reading vectors"),
        StageMeasurement("clustering", power=power),
        StageMeasurement("pages"),
    )
    with tempfile.TemporaryDirectory(prefix="reseen-plan-") as temporary, RunView(0, quiet) as view:
        progress = view.phase("benchmarking", 4 + len(sizes))
        folder = Path(temporary)
        table = sample_table(folder, data, min(SAMPLE, images))
        stages = [startup_stage("reseen.tasks.clustering.cluster", "timm")]
        progress(1)
        if isinstance(source, int):
            dimension, (height, width) = source, _DEFAULT_SIZE
            crops, _ = measure_decoding(table, DataSettings(cache_dir=folder / "cache"), height, width)
        else:
            model = prepare_model(source, folder / "cache")
            dimension = model.encoder.dimension
            crops, decoding = measure_decoding(table, model.data, model.encoder.height, model.encoder.width)
            extraction = time_encoder("features", model.encoder, crops, model.device)
            stages += [
                decoding_stage(decoding, model.data, crops, images),
                encoder_stage(extraction, dimension, images),
            ]
        progress(2)
        for count in (sizes[0], *sizes):  # twice the smallest: the first one includes loading and compiling
            file, features = folder / "clusters.csv", synthetic_features(count, dimension)
            if isinstance(source, int):
                vectors = _write(folder / "vectors.parquet", features)
                with reading.measure(count):
                    read_vectors(vectors)
            cluster_input = ClusterInput(repeat_crops(crops, count), features, "")
            with RunView(0, quiet=True) as silent:
                with clustering.measure(count):
                    result = run_clustering(cluster_input, settings, 1, silent)
                held = pair_bytes(count, dimension, settings)
                if held is not None and len(clustering.quadratic_memory) < len(clustering.sizes):
                    clustering.quadratic_memory.append(held)
                with pages.measure(count):
                    file.write_text(as_csv(result))
                    page, _ = write_pages(file, result, [], silent)
            disk = file.stat().st_size * images / count + page.stat().st_size
            progress(1)
    row_bytes = 8.0 * dimension
    if reading.sizes:
        stages.append(reading.extrapolate(images, 1, row_bytes))
    stages += [
        clustering.extrapolate(images, 1, row_bytes),
        pages.extrapolate(images, 1, row_bytes, disk),
    ]
    index = "an approximate index" if approximate else "exact search"
    return Estimate(
        "cluster", images, tuple(stages), (f"based on a benchmark with {index} of up to {sizes[-1]:,} crops",)
    )


def _write(file: Path, features: Features) -> Path:
    """Write features in the file format of `embed`."""
    names = [f"{row:06d}.jpg" for row in range(len(features))]
    pq.write_table(vector_table(names, [None] * len(names), features.numpy, {}), file)
    return file


_MAX_EXACT_VECTORS, _MAX_APPROXIMATE_VECTORS = 8_000, 32_000
"""Vectors of the largest benchmark, with an exact and with an approximate search."""
_EXACT, _APPROXIMATE = 2.0, 1.5
"""Exponents of the time of an exact search (all pairs), and of a search of a fixed number of inverted lists."""


def plan_vector_clustering(
    dimension: int,
    vectors: int,
    *,
    settings: VectorClusterSettings | Sequence[str] = (),
    method: str | None = None,
    memory: int | str | None = None,
    quiet: bool = False,
) -> Estimate:
    """Estimate time, memory and disk space of `cluster_vectors` on this machine by a benchmark of its stages.

    Args:
        dimension: dimension of the vectors.
        vectors: number of vectors to plan for.
        settings: settings or flags of the clustering, as for `cluster_vectors`.
        method: name of the clustering, as for `cluster_vectors`.
        memory: memory budget, as for `cluster_vectors`.
        quiet: show no progress.

    Raises:
        SettingsError: a flag is invalid, `dimension` or `vectors` is below 1, or the memory budget is too small.

    Example:
        >>> reseen.plan_vector_clustering(768, 10_000_000, memory="16GB").seconds
    """
    if min(dimension, vectors) < 1:
        raise SettingsError(
            f"expected at least 1 vector of dimension 1, got {vectors} of dimension {dimension}"
        )
    if not isinstance(settings, VectorClusterSettings):
        settings = vector_settings(settings, method)
    budget = memory_budget(memory)
    least = plan_memory(budget, vectors, dimension, settings).least
    benchmark_settings = _fix_engines(settings, vectors)
    approximate_search = settings.search.approximates(vectors)
    powers = {
        "search": _APPROXIMATE if approximate_search else _EXACT,
        settings.clustering.name: settings.clustering.time_power(vectors),
    }
    sizes = benchmark_sizes(vectors, _MAX_APPROXIMATE_VECTORS if approximate_search else _MAX_EXACT_VECTORS)
    stages: dict[str, StageMeasurement] = {}
    table_bytes, mapped_bytes = [], []
    with tempfile.TemporaryDirectory(prefix="reseen-plan-") as temporary, RunView(0, quiet) as view:
        progress = view.phase("benchmarking", 1 + len(sizes))
        startup = startup_stage("reseen.tasks.clustering.cluster_vectors")
        progress(1)
        file, table = Path(temporary) / "vectors.npy", Path(temporary) / "clusters.csv"
        for count in sizes:
            np.save(file, synthetic_features(count, dimension).numpy)
            result = cluster_vectors(file, table, memory=budget, settings=benchmark_settings, quiet=True)
            for name, stage in result.stages.items():
                measurement = stages.setdefault(name, StageMeasurement(name, powers.get(name)))
                measurement.add(count, stage.seconds, stage.peak_bytes)
            table_bytes.append(float(table.stat().st_size))
            mapped_bytes.append(float(result.disk_bytes))
            progress(1)
    disk = {"writing": fit_cost_model(sizes, table_bytes).predict(vectors)}
    mapped = show_memory(fit_cost_model(sizes, mapped_bytes).predict(vectors))
    plan_stages = (
        startup,
        *(
            measurement.extrapolate(vectors, disk=disk.get(name, 0.0), memory_limit=budget)
            for name, measurement in stages.items()
        ),
    )
    return Estimate(
        "cluster",
        vectors,
        plan_stages,
        (
            f"based on a benchmark with up to {sizes[-1]:,} vectors; {settings.search.describe(vectors)}",
            f"minimum: --memory {show_memory(least)}; a larger budget allows larger blocks",
            f"temporary memory-mapped files beside the table: {mapped}",
        ),
        "vectors",
    )


def _fix_engines(settings: VectorClusterSettings, vectors: int) -> VectorClusterSettings:
    """Settings that select, at any size, the engines that `settings` select for `vectors` vectors."""
    search = "approximate" if settings.search.approximates(vectors) else "exact"
    return settings.model_copy(
        update={
            "search": settings.search.model_copy(update={"mode": search}),
            "clustering": settings.clustering.for_size(vectors),
        }
    )
