"""What filling a gallery in a folder will take."""

import tempfile
from math import log
from pathlib import Path

from reseen.data.table import ImageTable
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.filter import Filter
from reseen.gallery.index import PART, thumbnails_of
from reseen.gallery.stores.edge import EdgeStore
from reseen.gallery.stores.edge_shard import SEGMENT
from reseen.plan.benchmark import embedding_stages, starting_stage
from reseen.plan.cost_model import Measured, fit_cost_model
from reseen.plan.estimate import Estimate, PlanStage
from reseen.plan.sample import mixture
from reseen.runs.console import RunView
from reseen.runs.recipe import Recipe
from reseen.runs.run import Run

_PARTS = 4
_GRAPH = 4_000
"""Entries of the graph that is built to see what one takes."""


def plan_indexing(
    source: Run | Recipe, images: int, data: str | Path | ImageTable | None = None, *, quiet: bool = False
) -> Estimate:
    """Rehearse `index` into a folder on this machine and say what it would take for `images` crops.

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
        progress = view.phase("rehearsing", 5)
        folder = Path(place)
        seen = embedding_stages(source, images, data, folder, progress)
        drawn = Measured("thumbnails")
        with drawn.at(len(seen.table)):
            thumbnails = thumbnails_of(seen.table)
        progress(1)
        added, disk = _adding(folder / "plain", seen.dimension, thumbnails, images)
        progress(1)
        stages = [
            starting_stage("reseen.gallery.index", "timm"),
            *seen.stages,
            PlanStage(drawn.name, drawn.seconds[0] / len(seen.table) * images, drawn.memory[0]),
            added.stage(images, images / PART, 0.0, disk),
        ]
        if images >= SEGMENT:
            stages.append(_graphs(folder / "graph", seen.dimension, images))
        progress(1)
    return Estimate("index", images, tuple(stages), (f"rehearsed with {_PARTS * PART:,} entries",))


def _adding(folder: Path, dimension: int, thumbnails: list[bytes], images: int) -> tuple[Measured, float]:
    """Time what one part of the work takes, and tell the bytes on disk when all are there."""
    added, sizes = Measured("gallery"), []
    with EdgeStore(folder, _identity(dimension), create=True) as store:
        for number in range(_PARTS):
            part = _part(number, dimension, thumbnails)
            with added.at((number + 1) * PART):
                for _ in store.scan(Filter(keys=tuple(entry.key for entry in part.entries))):
                    pass
                store.add(part)
            sizes.append(float(_on_disk(folder)))
    grown = fit_cost_model(added.sizes, sizes).at(images)
    added.seconds = [sum(added.seconds) / _PARTS] * _PARTS  # adding takes as long however many are there
    return added, grown


def _graphs(folder: Path, dimension: int, images: int) -> PlanStage:
    """A small graph is built; a larger one takes longer by n log n, and there is one for every 50,000 entries."""
    built = Measured("graphs")
    with EdgeStore(folder, _identity(dimension), create=True, segment=_GRAPH) as store:
        parts = [_part(number, dimension, [b""]) for number in range(_GRAPH // PART + 1)]
        for part in parts[:-1]:
            store.add(part)
        before = _on_disk(folder)
        with built.at(_GRAPH):
            store.add(parts[-1])
    rows = len(parts) * PART
    larger = SEGMENT * log(SEGMENT) / (rows * log(rows))
    count = images // SEGMENT
    extra = max(_on_disk(folder) - before * len(parts) / (len(parts) - 1), 0.0) / rows
    memory = built.memory[0] + 8.0 * dimension * SEGMENT
    return PlanStage(built.name, count * larger * built.seconds[0], memory, extra * count * SEGMENT)


def _identity(dimension: int) -> ModelIdentity:
    return ModelIdentity("0" * 64, dimension, "plan", "none", 128, 64, "")


def _part(number: int, dimension: int, thumbnails: list[bytes]) -> Entries:
    entries = [
        Entry("/plan", f"{number:06d}-{row:06d}.jpg", thumbnails[row % len(thumbnails)], "camera", float(row))
        for row in range(PART)
    ]
    return Entries(entries, mixture(PART, dimension).numpy)


def _on_disk(folder: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())
