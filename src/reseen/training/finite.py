"""Stops a training whose losses or weights are no longer finite, before they are saved."""

import math
from collections.abc import Mapping

import torch
from torch import nn

from reseen.errors import TrainingError


def check_finite(encoder: nn.Module, losses: Mapping[str, float], number: int) -> None:
    """Check the mean `losses` of round `number` and the weights of the encoder, which Fabric may have wrapped.

    The last step of a round can break weights without a loss showing it.

    Raises:
        TrainingError: a loss or weight is not finite.
    """
    faults = [
        f"the loss '{name}' became {value}" for name, value in losses.items() if not math.isfinite(value)
    ]
    values = {name: value for name, value in encoder.state_dict().items() if value.is_floating_point()}
    finite = torch.stack([torch.isfinite(value).all() for value in values.values()]).tolist()  # one transfer
    faults += [
        f"the weights '{name}' are not finite"
        for name, is_finite in zip(values, finite, strict=True)
        if not is_finite
    ]
    if faults:
        raise TrainingError(
            f"round {number}: {faults[0]}; the run keeps its state of round {number - 1}; "
            "lower train.learning_rate, or set train.precision to 32"
        )
