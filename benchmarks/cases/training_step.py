"""A step of the whole pipeline against the bare forward and backward of the same network."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.optim import Adam

import reseen
from cases.case import Case, Options, kept, row, timed
from reseen.features.extract import extract, unwrap
from reseen.features.frozen_maps import FrozenMaps
from reseen.methods import Round
from reseen.models import Encoder, ModelSettings
from reseen.runs.console import RunView
from reseen.synthetic import draw_crowd
from reseen.training.frozen import prepare_frozen
from reseen.training.loop import Training, train_round
from reseen.training.setup import set_up

GOAL = 0.95
"""Share of the bare network's rate that the pipeline must keep."""

_STEPS = 12
_FROZEN = ("--model.frozen-stages", "4", "--train.mirrored-features", "true")
NETWORK = (
    "--model.backbone", "mobilenetv2_100", "--model.weights", "none", "--data.height", "128", "--data.width", "64",
    "--method.sampler.clusters-per-batch", "16", "--method.sampler.images-per-cluster", "4",
    "--method.clustering.eps", "auto", "--method.clustering.jaccard.k1", "15",
)  # fmt: skip


def _run(options: Options) -> dict[str, Any]:
    """Pipeline (pixels, augmentation, losses, optimizer, memory) and bare network in turn, on the same device."""
    with tempfile.TemporaryDirectory() as folder:
        crowd = Path(folder) / "crowd"
        draw_crowd(crowd, people=20, cameras=4, images_per_camera=6, progress=False)
        iterations = 1 if options.quick else _STEPS
        flags = [*NETWORK, "--train.iterations", str(iterations)]
        recipe = reseen.load_recipe("cluster-contrast", flags)
        training = set_up(recipe, reseen.read_training(crowd), Path(folder) / "run", quiet=True)
        whole = pipeline(training, iterations)
        bare = _bare(training, iterations)
        seconds, bare_seconds, grouped_seconds, plain_seconds, given_back_seconds = timed(
            options.repeat,
            whole,
            kept(bare),
            kept(_with_norm(16, training, iterations)),
            kept(_with_norm(None, training, iterations)),
            steps(training, iterations),
        )
        frozen = _frozen(options, crowd, Path(folder))
    images = recipe.method.sampler.batch_size * iterations
    return {
        "rows": [
            *frozen,
            row(
                f"training, {images / median(seconds):.0f} images/s",
                seconds,
                against="bare forward, backward and Adam of the same network",
                against_seconds=bare_seconds,
                limit="the network itself: ratio 1; the goal is at most 1 / 0.95 = 1.05",
                goal_met=None if options.quick else median(bare_seconds) / median(seconds) >= GOAL,
            ),
            row(
                "training that keeps freed memory",
                seconds,
                against="the same with memory given back to the system at every step, as glibc does",
                against_seconds=given_back_seconds,
                limit="as fast as without any page fault; depends on the system, see docs/speed.md",
            ),
            row(
                "the same network with group-fixed batch norm (16 of 64)",
                grouped_seconds,
                against="with plain batch norm",
                against_seconds=plain_seconds,
                limit="ratio 1: the same numbers are read and written",
            ),
        ]
    }


def _frozen(options: Options, crowd: Path, folder: Path) -> list[dict[str, Any]]:
    """Steps and features of precision 32 and of auto, in turn; four of seven stages frozen, as in our protocols."""
    iterations = 1 if options.quick else _STEPS
    work: dict[str, Callable[[], None]] = {}
    for precision in ("32", "auto"):
        flags = [*NETWORK, *_FROZEN, "--train.iterations", str(iterations), "--train.precision", precision]
        recipe = reseen.load_recipe("cluster-contrast", flags)
        training = set_up(recipe, reseen.read_training(crowd), folder / precision, quiet=True)
        kept_maps = prepare_frozen([training.encoder], training.crops, recipe)
        work[f"steps, {precision}"] = pipeline(training, iterations)
        work[f"features, {precision}"] = partial(_features, training, None)
        work[f"features again, {precision}"] = partial(_features, training, kept_maps)
        work[f"features again, {precision}"]()
    seconds = dict(zip(work, timed(options.repeat, *work.values()), strict=True))
    batch, crops = recipe.method.sampler.batch_size * iterations, len(training.crops)
    pairs = (
        ("steps, auto", "steps, 32", batch),
        ("features, auto", "features, 32", crops),
        ("features again, 32", "features, 32", crops),
        ("features again, auto", "features, 32", crops),
    )
    name = unwrap(training.encoder).arithmetic.name
    return [
        row(
            f"four of seven stages frozen: {what}, {count / median(seconds[what]):.0f} crops/s",
            seconds[what],
            against=f"{against}, {count / median(seconds[against]):.0f} crops/s",
            against_seconds=seconds[against],
            limit="what learns in float32, without the frozen stages",
            note=f"auto is {name} here; features again: of the same crops, frozen stages kept",
        )
        for what, against, count in pairs
    ]


def _features(training: Training, kept_maps: FrozenMaps | None) -> None:
    extract(training.encoder, training.crops, training.fabric.device, mirrored=True, kept=kept_maps)


def pipeline(training: Training, iterations: int) -> Callable[[], None]:
    """A function that trains so many batches of a round as the loop does; clustering is done before."""
    return kept(steps(training, iterations))


def steps(training: Training, iterations: int) -> Callable[[], None]:
    """The same with memory given back to the system whenever it is freed."""
    features = extract(training.encoder, training.crops, training.fabric.device)

    plan = training.method.begin_round(features, iterations)  # clustering is a round's work, not a step's
    batches = list(plan.batches)

    def work() -> None:
        train_round(training, Round(plan.clustering, batches), 1, RunView(1, quiet=True))

    return work


def _bare(training: Training, iterations: int) -> Callable[[], None]:
    return bare_steps(training, iterations, training.encoder, training.optimizer)


def _with_norm(group: int | None, training: Training, iterations: int) -> Callable[[], None]:
    settings = ModelSettings(backbone="mobilenetv2_100", weights="none", norm_group=group)
    encoder = Encoder(settings, 128, 64).to(memory_format=torch.channels_last)
    return bare_steps(training, iterations, encoder, Adam(encoder.parameters(), 1e-4))


def bare_steps(training: Training, iterations: int, encoder: Any, optimizer: Any) -> Callable[[], None]:
    """A function that makes so many steps of forward, backward and optimizer on one batch of random images."""
    size = training.recipe.method.sampler.batch_size
    height, width = training.crops.images(torch.arange(1)).shape[-2:]
    images = torch.randn(size, 3, height, width).to(training.fabric.device, memory_format=torch.channels_last)
    target = torch.randn(size, 1, device=images.device)
    encoder.to(images.device)

    def work() -> None:
        encoder.train()
        for _ in range(iterations):
            (encoder(images) * target).sum().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return work


TRAINING_STEP = Case("training-step", "95 % or more of the bare network's rate", _run)
