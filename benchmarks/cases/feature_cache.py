"""A command on crops that another command has embedded, against the first: what the cache of features saves."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import reseen
from cases.case import Case, Options, row
from reseen.features.feature_entries import feature_folder
from reseen.synthetic import draw_crowd

_GOAL = 0.2
"""Time of the second command, relative to the first; what is left is starting the model and listing the crops."""


def _run(options: Options) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="reseen-features-"))
    try:
        return {"rows": _rows(options, folder)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rows(options: Options, folder: Path) -> list[dict[str, Any]]:
    people = 12 if options.quick else 40
    crops = folder / "crowd"
    draw_crowd(crops, people=people, cameras=4, seed=0, height=128, width=64, processes=1, progress=False)
    cache = folder / "cache"
    cache.mkdir()
    (cache / "pixels").mkdir()
    flags = [
        "--model.backbone", "mobilenetv2_100", "--model.weights", "none", "--train.rounds", "0",
        "--train.device", "cpu", "--data.height", "256", "--data.width", "128", "--data.cache-dir", str(cache),
        "--method.sampler.clusters-per-batch", "4", "--method.sampler.images-per-cluster", "4",
    ]  # fmt: skip
    recipe = reseen.load_recipe("cluster-contrast", flags)
    run = reseen.train(recipe, crops, folder / "run", quiet=True)
    count = len(reseen.read_training(crops))
    rows = []
    for name in ("embed", "index"):
        first, second = [], []
        for number in range(options.repeat + 1):
            shutil.rmtree(feature_folder(cache), ignore_errors=True)
            for part, times in (("first", first), ("second", second)):
                out = folder / f"{name}-{number}-{part}"
                began = time.perf_counter()
                if name == "embed":
                    reseen.embed(run, crops, out, quiet=True)
                else:
                    reseen.index_run(run, crops, out, thumbnails=False, quiet=True)
                times.append(time.perf_counter() - began)
        first, second = first[1:], second[1:]  # the first of each is for what is loaded once
        met = sorted(second)[len(second) // 2] < _GOAL * sorted(first)[len(first) // 2]
        rows.append(
            row(
                f"reseen {name}, {count:,} crops that another command has embedded, MobileNetV2 at 256 x 128",
                second,
                against=f"the first reseen {name}, which embeds and keeps them",
                against_seconds=first,
                limit="opening model and crops, and reading 5 kB per crop",
                goal_met=None if options.quick else met,
            )
        )
    return rows


FEATURE_CACHE = Case("feature-cache", f"under {_GOAL} of the first", _run)
