"""A training step of global-patch against one of cluster contrast, and what its memories cost as they grow."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

import reseen
from cases.case import Case, Options, kept, row, timed
from cases.memory import peak_bytes, reset_peak
from cases.training_step import NETWORK, pipeline
from reseen.geometry import unit
from reseen.losses import GlobalSimilaritySettings, PatchMemory, global_similarity, patch_discrimination
from reseen.memory import InstanceBank, PatchBank
from reseen.synthetic import draw_crowd
from reseen.training.setup import set_up

_STEPS = 4
_CROPS, _NEIGHBORS, _PATCHES, _PATCH_WIDTH, _PROJECTED = 64, 30, 6, 256, 128
_WIDTH, _FIELD_WIDTH = 1280, 2048
"""Channels of MobileNetV2, and of the field's ResNet-50."""
_FIELD = (
    "--model.backbone",
    "resnet50",
    "--model.weights",
    "none",
    "--data.height",
    "256",
    "--data.width",
    "128",
)
_SIZES = {12_936: 0.10, 100_000: 0.30}
"""Rows of the memories, and the largest share of a step that they may take."""

_ARMS = {
    "one view of each crop": ("--method.image-patches.surrogate", "false"),
    "two views": (),
}
_BATCH = ("--method.sampler.clusters-per-batch", "64", "--method.sampler.images-per-cluster", "1")
_CLUSTERING = "--method.clustering"


def _run(options: Options) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        crowd = Path(folder) / "crowd"
        draw_crowd(crowd, people=20, cameras=4, images_per_camera=6, progress=False)
        iterations = 1 if options.quick else _STEPS
        steps: dict[str, Callable[[], None]] = {}
        added: dict[str, int] = {}
        patches = [*_plain(NETWORK), *_BATCH, "--model.patches.count", str(_PATCHES)]
        for name, (method, flags) in {
            "cluster contrast": ("cluster-contrast", [*NETWORK]),
            **{name: ("global-patch", [*patches, *flags]) for name, flags in _ARMS.items()},
        }.items():
            recipe = reseen.load_recipe(method, [*flags, "--train.iterations", str(iterations)])
            training = set_up(recipe, reseen.read_training(crowd), Path(folder) / name, quiet=True)
            steps[name] = pipeline(training, iterations)
            steps[name]()
            before = reset_peak()
            steps[name]()
            added[name] = peak_bytes() - before
        against = next(iter(steps))
        baseline, *others = timed(options.repeat, *steps.values())
        rows = [
            row(
                f"global-patch, {name}",
                seconds,
                against=f"{against}, the same network, 64 crops a batch",
                against_seconds=baseline,
                limit="a pass of the trunk per view: " + ("1" if name.startswith("one") else "2"),
                note=f"adds {added[name] / 1e6:.0f} MB in a step, {against} {added[against] / 1e6:.0f}",
            )
            for name, seconds in zip(_ARMS, others, strict=True)
        ]
        step = [value / iterations for value in others[-1]]
        rows += [_memories(size, share, step, "", _WIDTH, options) for size, share in _SIZES.items()]
        del steps, training
        step = _field_step(crowd, Path(folder) / "field", options)
        name = ", ResNet-50 at 256 x 128"
        rows += [_memories(size, share, step, name, _FIELD_WIDTH, options) for size, share in _SIZES.items()]
    return {"rows": rows}


def _field_step(crowd: Path, folder: Path, options: Options) -> list[float]:
    """Seconds of a step with two views of the network that the literature uses."""
    flags = [*_FIELD, *_BATCH, "--model.patches.count", str(_PATCHES), "--train.iterations", "1"]
    training = set_up(
        reseen.load_recipe("global-patch", flags), reseen.read_training(crowd), folder, quiet=True
    )
    return timed(options.repeat, pipeline(training, 1))[0]


def _memories(
    size: int, share: float, step: list[float], network: str, width: int, options: Options
) -> dict[str, Any]:
    size = size // 100 if options.quick else size
    work = _score_and_update(size, width)
    work()
    before = reset_peak()
    work()
    added = peak_bytes() - before
    seconds = timed(options.repeat, kept(work))[0]
    read = width + _PATCHES * _PATCH_WIDTH
    numbers = read + _PATCHES * _PROJECTED  # centers are compared within the batch
    scored = 2 * width + _PATCHES * _PATCH_WIDTH  # of whole images both views
    return row(
        f"scoring and updating memories of {size:,} rows of {numbers:,} numbers",
        seconds,
        against=f"the step of global-patch with two views{network}",
        against_seconds=step,
        limit=f"{4 * _CROPS * size * scored / 1e9:.0f} GFLOP, and {4e-9 * size * read:.1f} GB read once",
        note=f"adds {added / 1e6:.0f} MB to memories of {4 * size * numbers / 1e6:.0f}",
        goal_met=None if options.quick else median(seconds) / median(step) <= share,
    )


def _score_and_update(size: int, width: int) -> Callable[[], None]:
    """The losses of a batch against memories of `size` rows, with their gradients, and the updates.

    As in the shipped recipe: whole images of both views, patches of the first, which are pulled to the same patch of
    credible neighbors; centers of images, which are compared within the batch alone, are read and moved.
    """
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Float[Tensor, "..."]:
        return unit(torch.randn(*shape, generator=generator))

    place = torch.device("cpu")
    whole = InstanceBank(drawn(size, width), place)
    parts = PatchBank(drawn(size, _PATCHES, _PATCH_WIDTH), place)
    centers = InstanceBank(drawn(size, _PATCHES * _PROJECTED), place, raw=True)
    features = drawn(2 * _CROPS, width).requires_grad_()
    means = drawn(_CROPS, _PATCHES * _PROJECTED)
    patches = drawn(_CROPS, _PATCHES, _PATCH_WIDTH).requires_grad_()
    neighbors = torch.randint(0, size - 1, (_CROPS, _NEIGHBORS), generator=generator)
    rows = torch.randperm(size, generator=generator)[:_CROPS]
    neighbors += neighbors >= rows[:, None]  # nobody is a neighbor of its own

    settings = GlobalSimilaritySettings(neighbor_weight=8.0)

    def work() -> None:
        loss = global_similarity(features, rows.repeat(2), whole.vectors, neighbors.repeat(2, 1), settings)
        changed, fresh = parts.preview(patches, rows, 0.9)
        memory, squares = parts.vectors, parts.squares
        for at in range(_PATCHES):
            seen = PatchMemory(memory[:, at], changed, fresh[:, at], squares[:, at])
            loss = loss + patch_discrimination(patches[:, at], rows, seen, 10, 15.0, neighbors)
        centers.preview(means, rows, 0.9)
        loss.backward()
        whole.update(features[:_CROPS], rows, 0.5)
        parts.update(patches, rows, 0.9)
        centers.update(means, rows, 0.9)

    return work


def _plain(flags: tuple[str, ...]) -> list[str]:
    """The flags of the network alone."""
    pairs = [(flags[place], flags[place + 1]) for place in range(0, len(flags), 2)]
    return [
        part for pair in pairs if not pair[0].startswith((_CLUSTERING, "--method.sampler")) for part in pair
    ]


BANK_STEP = Case("bank-step", "memories within 10 % of a step at 12,936 rows, 30 % at 100,000", _run)
