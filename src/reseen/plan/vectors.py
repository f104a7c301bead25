"""Estimate of `reseen cluster` on vectors without images."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reseen.errors import SettingsError
from reseen.plan.benchmark import startup_stage
from reseen.plan.cost_model import StageMeasurement, benchmark_sizes, fit_cost_model
from reseen.plan.estimate import Estimate
from reseen.plan.sample import synthetic_features
from reseen.runs.console import RunView
from reseen.runs.process_memory import show_memory
from reseen.tasks.clustering.cluster_settings import VectorClusterSettings, vector_settings
from reseen.tasks.clustering.cluster_vectors import cluster_vectors
from reseen.tasks.clustering.memory_plan import memory_budget, plan_memory

_MAX_EXACT, _MAX_APPROXIMATE = 8_000, 32_000
"""Vectors of the largest benchmark, with an exact and with an approximate search."""
_EXACT, _APPROXIMATE = 2.0, 1.5
"""Exponents of the time of an exact search (all pairs), and of a search of a fixed number of inverted lists."""


def plan_vector_clustering(
    dimension: int,
    vectors: int,
    *,
    settings: VectorClusterSettings | Sequence[str] = (),
    memory: int | str | None = None,
    quiet: bool = False,
) -> Estimate:
    """Estimate time, memory and disk space of `cluster_vectors` on this machine by a benchmark of its stages.

    Args:
        dimension: dimension of the vectors.
        vectors: number of vectors to plan for.
        settings: settings or flags of the clustering, as for `cluster_vectors`.
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
        settings = vector_settings(settings)
    budget = memory_budget(memory)
    least = plan_memory(budget, vectors, dimension, settings).least
    benchmark_settings = _fix_engines(settings, vectors)
    approximate_search = settings.search.approximates(vectors)
    approximate_merging = settings.hierarchy.approximates(vectors)
    powers = {
        "search": _APPROXIMATE if approximate_search else _EXACT,
        "hierarchy": _APPROXIMATE if approximate_merging else _EXACT,
    }
    sizes = benchmark_sizes(vectors, _MAX_APPROXIMATE if approximate_search else _MAX_EXACT)
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
    engine = "approximate" if settings.hierarchy.approximates(vectors) else "search"
    return settings.model_copy(
        update={
            "search": settings.search.model_copy(update={"mode": search}),
            "hierarchy": settings.hierarchy.model_copy(update={"engine": engine}),
        }
    )
