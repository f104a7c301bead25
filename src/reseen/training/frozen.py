"""Prepares frozen stages once per run: folds their batch norms, and opens a store of their outputs for plain crops."""

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
    """Fold the batch norms of frozen stages into convolutions if the precision allows it, and open a store of outputs.

    Call this after a checkpoint is loaded, since folding uses the final weights.

    Args:
        encoders: all encoders that are trained or extract features; their frozen stages must be equal.
        crops: the training crops.
        recipe: the recipe of the run.
        ranks: the processes that train together.

    Returns:
        A store of the outputs of frozen stages; None if nothing is frozen or there is no place for the store.
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
