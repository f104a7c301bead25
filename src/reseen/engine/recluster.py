"""Cluster features once more as a run's method does, after training, to look at and not to learn from."""

from collections.abc import Callable

import torch

from reseen.cluster import Clustering
from reseen.engine.checkpoint import CHECKPOINT, read_checkpoint
from reseen.engine.crops import Crops
from reseen.engine.run import Run
from reseen.methods import METHODS, Surroundings
from reseen.models import Encoder
from reseen.records import Features


def reclusterer(
    run: Run, encoder: Encoder, crops: Crops, device: torch.device
) -> Callable[[Features], Clustering]:
    """A function from features of `crops` to the clusters that the run's method makes of them.

    Every call starts from the state of the run's last whole round, so that it gives the same clusters for the same
    features. Answers of a person are not taken into account: the clusters are the encoder's own.
    """
    prefix = "method."
    tensors, _ = read_checkpoint(run.folder / CHECKPOINT)
    state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

    def recluster(features: Features) -> Clustering:
        generator = torch.Generator().manual_seed(run.recipe.seed)
        cameras = crops.cameras if run.recipe.cameras else None
        surroundings = Surroundings(encoder, cameras, generator, device, encoder.raw, crops.tracklets)
        method = METHODS[run.recipe.method.name].method(run.recipe.method, surroundings)
        if state:
            method.restore(state)
        return method.recluster(features)

    return recluster
