"""Creates the encoder to train, from pretrained weights or from another run (unsupervised adaptation)."""

import hashlib
from typing import Any

import torch

from reseen.conditions import shown
from reseen.errors import RunError
from reseen.models import Encoder, ModelSettings
from reseen.models.arithmetic import Arithmetic
from reseen.models.batch_shard import BatchShard
from reseen.runs.checkpoint import CHECKPOINT
from reseen.runs.run import Run, open_run


def warm_start(
    settings: ModelSettings,
    height: int,
    width: int,
    arithmetic: Arithmetic,
    shard: BatchShard,
    resumed: bool = False,
) -> tuple[Encoder, dict[str, Any] | None]:
    """An encoder with its starting weights.

    From another run, all weights are loaded strictly: those of the encoder used for evaluation, which for some methods
    is the momentum teacher. Its BNNeck statistics are loaded too; training re-estimates them on the new crops.

    Args:
        settings: the model; `start` is the folder of another run, or None.
        height: height of a crop in pixels.
        width: width of a crop in pixels.
        arithmetic: as in `Encoder`.
        shard: as in `Encoder`.
        resumed: all weights will come from a checkpoint; none are loaded.

    Returns:
        The encoder, and facts about the other run; None without one.

    Raises:
        RunError: `settings.start` is not a run, or its encoder has another architecture or patch reach.
    """
    blank = settings.model_copy(update={"weights": "none"})
    if resumed:
        origin = "weights: those of the checkpoint"
        return Encoder(blank, height, width, arithmetic=arithmetic, shard=shard, origin=origin), None
    if settings.start is None:
        return Encoder(settings, height, width, arithmetic=arithmetic, shard=shard), None
    earlier = open_run(settings.start)
    encoder = Encoder(
        blank,
        height,
        width,
        arithmetic=arithmetic,
        shard=shard,
        origin=f"start: the encoder of {earlier.folder} after {earlier.rounds_done} rounds",
    )
    _check_patches(settings, earlier)
    given = earlier.encoder(whitened=False).state_dict()
    expected = encoder.state_dict()
    mismatches = [
        name for name in sorted({*given, *expected}) if name not in given or name not in expected
        or given[name].shape != expected[name].shape
    ]  # fmt: skip
    if mismatches:
        raise RunError(
            f"model.start: {earlier.folder} contains another encoder than these settings describe, {len(mismatches)} "
            f"of {len(expected)} tensors differ, such as '{mismatches[0]}'; its backbone is "
            f"{earlier.recipe.model.backbone} at {earlier.facts['height']} x {earlier.facts['width']}: use model and "
            "size of its recipe.yaml"
        )
    with torch.no_grad():
        encoder.load_state_dict(given)
    digest = hashlib.sha256((earlier.folder / CHECKPOINT).read_bytes()).hexdigest()
    facts = {
        "run": str(earlier.folder),
        "rounds": earlier.rounds_done,
        "data": earlier.facts["data"],
        "checkpoint_sha256": digest,
    }
    return encoder, facts


def _check_patches(settings: ModelSettings, earlier: Run) -> None:
    """Check what tensor shapes do not show: the stage of patches, and the reach of learned windows."""
    expected, given = settings.patches, earlier.recipe.model.patches
    if expected is None or given is None:
        return
    if expected.stage != given.stage:
        stage, own = (shown(each.stage) for each in (given, expected))
        raise RunError(
            f"model.start: {earlier.folder} cut its patches from model.patches.stage {stage}, these settings have "
            f"{own}; use --model.patches.stage {stage}"
        )
    if "stripes" not in (expected.generator, given.generator) and expected.reach != given.reach:
        raise RunError(
            f"model.start: {earlier.folder} learned its patch windows with a reach of {given.reach}, these settings "
            f"have {expected.reach}; use --model.patches.reach {given.reach}"
        )
