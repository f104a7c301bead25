"""What clustering vectors alone will take."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reseen.errors import SettingsError
from reseen.plan.benchmark import starting_stage
from reseen.plan.cost_model import Measured, fit_cost_model, sizes_up_to
from reseen.plan.estimate import Estimate
from reseen.plan.sample import mixture
from reseen.runs.console import RunView
from reseen.runs.process_memory import show_memory
from reseen.tasks.clustering.cluster_settings import VectorClusterSettings, vector_settings
from reseen.tasks.clustering.cluster_vectors import cluster_vectors
from reseen.tasks.clustering.memory_plan import memory_budget, plan_memory

_MOST, _MOST_APPROXIMATE = 8_000, 32_000
_EXACT, _APPROXIMATE = 2.0, 1.5
"""Powers of the number of vectors that comparing all pairs grows with, and looking into a fixed number of lists."""


def plan_vector_clustering(
    dimension: int,
    vectors: int,
    *,
    settings: VectorClusterSettings | Sequence[str] = (),
    memory: int | str | None = None,
    quiet: bool = False,
) -> Estimate:
    """Rehearse `cluster_vectors` on this machine and say what it would take for so many vectors.

    Args:
        dimension: how many numbers each has.
        vectors: how many there are.
        settings: those of the clustering, or flags, as for `cluster_vectors`.
        memory: the most that the process may take of its own, as for `cluster_vectors`.
        quiet: show no progress.

    Raises:
        SettingsError: a flag that does not fit, no vectors, or a budget that is too small for so many.
    """
    if min(dimension, vectors) < 1:
        raise SettingsError(f"wanted 1 vector of 1 number or more, got {vectors} of {dimension}")
    if not isinstance(settings, VectorClusterSettings):
        settings = vector_settings(settings)
    budget = memory_budget(memory)
    least = plan_memory(budget, vectors, dimension, settings).least
    rehearsed = _as_at(vectors, settings)
    searches, merges = settings.search.approximates(vectors), settings.hierarchy.approximates(vectors)
    growing = {
        "search": _APPROXIMATE if searches else _EXACT,
        "hierarchy": _APPROXIMATE if merges else _EXACT,
    }
    sizes = sizes_up_to(vectors, _MOST_APPROXIMATE if searches else _MOST)
    stages: dict[str, Measured] = {}
    left, meanwhile = [], []
    with tempfile.TemporaryDirectory(prefix="reseen-plan-") as place, RunView(0, quiet) as view:
        progress = view.phase("rehearsing", 1 + len(sizes))
        started = starting_stage("reseen.tasks.clustering.cluster_vectors")
        progress(1)
        file, table = Path(place) / "vectors.npy", Path(place) / "clusters.csv"
        for count in sizes:
            np.save(file, mixture(count, dimension).numpy)
            made = cluster_vectors(file, table, memory=budget, settings=rehearsed, quiet=True)
            for name, stage in made.stages.items():
                measured = stages.setdefault(name, Measured(name, growing.get(name)))
                measured.add(count, stage.seconds, stage.peak_bytes)
            left.append(float(table.stat().st_size))
            meanwhile.append(float(made.disk_bytes))
            progress(1)
    disk = {"writing": fit_cost_model(sizes, left).at(vectors)}
    found = (
        started,
        *(
            measured.stage(vectors, disk=disk.get(name, 0.0), most_memory=budget)
            for name, measured in stages.items()
        ),
    )
    return Estimate(
        "cluster",
        vectors,
        found,
        (
            f"rehearsed up to {sizes[-1]:,} vectors; {settings.search.describe(vectors)}",
            f"--memory {show_memory(least)} would do; more makes larger blocks",
            f"files mapped meanwhile take {show_memory(fit_cost_model(sizes, meanwhile).at(vectors))} beside the table",
        ),
        "vectors",
    )


def _as_at(vectors: int, settings: VectorClusterSettings) -> VectorClusterSettings:
    """The same engines at any size as at this one."""
    search = "approximate" if settings.search.approximates(vectors) else "exact"
    engine = "approximate" if settings.hierarchy.approximates(vectors) else "search"
    return settings.model_copy(
        update={
            "search": settings.search.model_copy(update={"mode": search}),
            "hierarchy": settings.hierarchy.model_copy(update={"engine": engine}),
        }
    )
