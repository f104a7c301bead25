"""Start from the encoder of another run, to adapt it to other crops without labels."""

import hashlib
from typing import Any

import torch

from reseen.errors import RunError
from reseen.models import Encoder, ModelSettings
from reseen.models.arithmetic import Arithmetic
from reseen.models.batch_shard import BatchShard
from reseen.runs.checkpoint import CHECKPOINT
from reseen.runs.run import Run, open_run


def warm_start(
    settings: ModelSettings, height: int, width: int, arithmetic: Arithmetic, shard: BatchShard
) -> tuple[Encoder, dict[str, Any] | None]:
    """An encoder with its starting weights, and what to write down of the run it starts from, None where none.

    Size, arithmetic and shard are those of `Encoder`.

    From another run every weight is taken, strictly: the one that run scores, which for some methods is a momentum
    teacher. Its statistics of the neck are taken too, and then settled on the new crops as for any start.

    Raises:
        RunError: `settings.start` is no run, its encoder is another model, or its windows move by another reach.
    """
    if settings.start is None:
        return Encoder(settings, height, width, arithmetic=arithmetic, shard=shard), None
    earlier = open_run(settings.start)
    encoder = Encoder(
        settings.model_copy(update={"weights": "none"}),
        height,
        width,
        arithmetic=arithmetic,
        shard=shard,
        notes=(f"start: the encoder of {earlier.folder} after {earlier.rounds_done} rounds",),
    )
    given = earlier.encoder().state_dict()
    wanted = encoder.state_dict()
    misfits = [
        name for name in sorted({*given, *wanted}) if name not in given or name not in wanted
        or given[name].shape != wanted[name].shape
    ]  # fmt: skip
    if misfits:
        raise RunError(
            f"model.start: {earlier.folder} holds another encoder than these settings make, {len(misfits)} of "
            f"{len(wanted)} tensors differ, such as '{misfits[0]}'; its backbone is {earlier.recipe.model.backbone} at "
            f"{earlier.facts['height']} x {earlier.facts['width']}: take model and size from its recipe.yaml"
        )
    _check_reach(settings, earlier)
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


def _check_reach(settings: ModelSettings, earlier: Run) -> None:
    """Windows that were learned with one reach would lie elsewhere with another, and no tensor would tell."""
    wanted, given = settings.patches, earlier.recipe.model.patches
    if wanted is None or given is None or "stripes" in (wanted.generator, given.generator):
        return
    if wanted.reach != given.reach:
        raise RunError(
            f"model.start: {earlier.folder} learned where patches look with a reach of {given.reach}, these settings "
            f"have {wanted.reach}; take --model.patches.reach {given.reach}"
        )
