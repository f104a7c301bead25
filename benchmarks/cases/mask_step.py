"""A training step of mask prediction against one of cluster contrast, with the same network and the same batches."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

import reseen
from cases.case import Case, Options, row, timed
from cases.memory import peak_bytes, reset_peak
from cases.training_step import NETWORK, pipeline
from reseen.models.masking import MaskSettings, draw_masks
from reseen.synthetic import draw_crowd
from reseen.training.setup import set_up

GOAL = 1.35
"""Largest ratio of the steps."""

_STEPS = 4
_FROZEN = ("--model.frozen-stages", "4")
_FULL = ("--method.mask.ramp", "0")
_BASELINES: dict[str, tuple[str, ...]] = {
    "cluster contrast": (),
    "cluster contrast, four of seven stages frozen": _FROZEN,
}
_ARMS = {
    "all parts": (_FULL, "cluster contrast"),
    "without the teacher": ((*_FULL, "--method.temporal-weight", "0"), "cluster contrast"),
    "all parts, four of seven stages frozen": (
        (*_FULL, *_FROZEN),
        "cluster contrast, four of seven stages frozen",
    ),
}
"""Flags, and the baseline to compare with."""


def _run(options: Options) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        crowd = Path(folder) / "crowd"
        draw_crowd(crowd, people=20, cameras=4, images_per_camera=6, progress=False)
        iterations = 1 if options.quick else _STEPS
        steps: dict[str, Callable[[], None]] = {}
        added: dict[str, int] = {}
        for name, (method, flags) in {
            **{name: ("cluster-contrast", flags) for name, flags in _BASELINES.items()},
            **{name: ("maskpre", flags) for name, (flags, _) in _ARMS.items()},
        }.items():
            recipe = reseen.load_recipe(method, [*NETWORK, *flags, "--train.iterations", str(iterations)])
            training = set_up(recipe, reseen.read_training(crowd), Path(folder) / name, quiet=True)
            steps[name] = pipeline(training, iterations)
            steps[name]()
            before = reset_peak()
            steps[name]()
            added[name] = peak_bytes() - before
        measured = dict(zip(steps, timed(options.repeat, *steps.values()), strict=True))
        masks = timed(options.repeat, _masks(iterations))[0]
    rows = [
        row(
            f"mask prediction, {name}",
            measured[name],
            against=f"{baseline}, the same network and batches",
            against_seconds=measured[baseline],
            limit="ratio 1" if "without" in name else "one more forward pass for the teacher: about 1.3",
            note=f"adds {added[name] / 1e6:.0f} MB in a step, {baseline} {added[baseline] / 1e6:.0f}",
            goal_met=None
            if options.quick or "without" in name
            else median(measured[name]) / median(measured[baseline]) <= GOAL,
        )
        for name, (_, baseline) in _ARMS.items()
    ]
    rows.append(
        row(
            "both masks of every step",
            masks,
            against="the step of cluster contrast",
            against_seconds=measured["cluster contrast"],
            limit="the goal is under 0.01",
            goal_met=None if options.quick else median(masks) / median(measured["cluster contrast"]) < 0.01,
        )
    )
    return {"rows": rows}


def _masks(iterations: int) -> Callable[[], None]:
    maps, generator = torch.randn(64, 1280, 8, 4), torch.Generator().manual_seed(0)

    def work() -> None:
        for _ in range(2 * iterations):
            draw_masks(maps, MaskSettings(), 0.3, generator)

    return work


MASK_STEP = Case("mask-step", f"at most {GOAL} times a step of cluster contrast; masks under 1 %", _run)
