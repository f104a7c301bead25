"""What a run makes of its frozen stages once: a folded copy that computes them, and their outputs for plain crops."""

from collections.abc import Sequence

from torch import nn

from reseen.data.crops import Crops
from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.features.extract import BATCH, unwrap
from reseen.features.frozen_maps import FrozenMaps
from reseen.models.frozen_stages import frozen_grid, fuse_frozen
from reseen.runs.recipe import Recipe


def prepare_frozen(
    encoders: Sequence[nn.Module], crops: Crops, recipe: Recipe, ranks: ProcessGroup = SINGLE_PROCESS
) -> FrozenMaps | None:
    """Fold the frozen stages where the precision says so; a store of their outputs, or None where nothing is frozen.

    To be called once the frozen weights are there, after a checkpoint is loaded. `encoders` are those that learn or
    that features come from: they have equal frozen stages.
    """
    for encoder in encoders:
        fuse_frozen(encoder)
    if any(frozen_grid(unwrap(encoder)) is None for encoder in encoders):
        return None
    own, data = ranks.rows(len(crops), BATCH), recipe.data
    views = 2 if recipe.train.mirrored_features else 1
    return FrozenMaps.open_if_possible(
        range(own.start, own.stop), views, data.cache_gigabytes, data.cache_dir
    )
