"""Training steps on augmented views that are kept behind the frozen stages, against steps that augment anew.

What keeping saves in a step and what filling costs are timed in turn in one run; what both mean for a training of
`market-mini`'s size, which trains on 35,840 crops of a pool of 2,967, is added up from these.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import reseen
from cases.case import Case, Options, kept, row, timed
from cases.training_step import NETWORK, pipeline
from reseen.features.extract import unwrap
from reseen.runs.console import no_progress
from reseen.runs.recipe import Recipe
from reseen.synthetic import draw_crowd
from reseen.training.frozen import prepare_frozen
from reseen.training.kept_views import KeptViews
from reseen.training.loop import Training
from reseen.training.setup import set_up

_STEPS = 12
_VIEWS = 2
_KEPT = (2, 4, 8, 16)
"""Views of each crop, of those trainings that are added up."""
_TRAINED, _POOL = 35_840, 2_967
"""Crops that all batches of `market-mini` hold, and different ones."""


def _run(options: Options) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        crowd, iterations = Path(folder) / "crowd", 1 if options.quick else _STEPS
        draw_crowd(crowd, people=20, cameras=4, images_per_camera=6, progress=False)
        rows = [
            line
            for precision in ("32", "auto")
            for line in _rows(
                options, _recipe(precision, iterations, Path(folder) / "cache"), crowd, Path(folder)
            )
        ]
    return {"rows": rows}


def _recipe(precision: str, iterations: int, cache: Path) -> Recipe:
    flags = ("--model.frozen-stages", "4", "--train.kept-views", str(_VIEWS), "--train.precision", precision)
    more = ("--train.iterations", str(iterations), "--data.cache-dir", str(cache))
    return reseen.load_recipe("cluster-contrast", [*NETWORK, *flags, *more])


def _rows(options: Options, recipe: Recipe, crowd: Path, folder: Path) -> list[dict[str, Any]]:
    name = recipe.train.precision
    fresh = set_up(recipe, reseen.read_training(crowd), folder / name, quiet=True)
    prepare_frozen([fresh.encoder], fresh.crops, recipe)
    from_kept = replace(fresh, kept_views=_filled(fresh))
    work: tuple[Callable[[], Any], ...] = (
        pipeline(fresh, recipe.train.iterations),
        pipeline(from_kept, recipe.train.iterations),
        kept(partial(_filled, fresh)),
    )
    fresh_seconds, kept_seconds, fill_seconds = timed(options.repeat, *work)
    batches, views = recipe.method.batch_size * recipe.train.iterations, _VIEWS * len(fresh.crops)
    arithmetic = unwrap(fresh.encoder).arithmetic.name
    lines = [
        row(
            f"{arithmetic}: steps on kept views, {batches / median(kept_seconds):.0f} crops/s",
            kept_seconds,
            against=f"steps on fresh views, {batches / median(fresh_seconds):.0f} crops/s",
            against_seconds=fresh_seconds,
            limit="a step without the frozen stages",
            note=f"filling: {views} views in {median(fill_seconds):.2f} s, {views / median(fill_seconds):.0f} views/s",
        )
    ]
    fresh_whole = [_TRAINED * seconds / batches for seconds in fresh_seconds]
    for count in _KEPT:
        whole = [
            _TRAINED * steps / batches + count * _POOL * fill / views
            for steps, fill in zip(kept_seconds, fill_seconds, strict=True)
        ]
        lines.append(
            row(
                f"{arithmetic}: steps of market-mini and filling {count} views, {_TRAINED / median(whole):.0f} crops/s",
                whole,
                against=f"the same steps on fresh views, {_TRAINED / median(fresh_whole):.0f} crops/s",
                against_seconds=fresh_whole,
                limit="the steps without the frozen stages, and nothing to fill",
                note="added up from the steps and the filling above",
            )
        )
    return lines


def _filled(training: Training) -> KeptViews:
    """New kept views of all crops of the training."""
    views = KeptViews.of_recipe(training.recipe, len(training.crops))
    assert views is not None
    device = training.fabric.device
    if not views.begin_round(1, training.encoder, training.crops, device, lambda _name, _total: no_progress):
        raise OSError(f"no room for kept views in {training.recipe.data.cache_dir}")
    return views


KEPT_VIEWS = Case(
    "kept-views", "none: it depends on what is frozen and on how often a crop is trained on", _run
)
