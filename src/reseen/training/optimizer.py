"""The optimizer and its schedule, as a function of the step alone."""

import math
from collections.abc import Sequence

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from reseen.runs.train_settings import TrainSettings

_WARMUP_START = 0.01


def build_optimizer(networks: Sequence[nn.Module], settings: TrainSettings) -> Optimizer:
    """An optimizer over everything in `networks` that learns."""
    everything = [parameter for network in networks for parameter in network.parameters()]
    parameters = [parameter for parameter in everything if parameter.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return SGD(parameters, rate, momentum=0.9, weight_decay=decay)
    kind = AdamW if settings.optimizer == "adamw" else Adam
    return kind(parameters, rate, weight_decay=decay)


def learning_rate(settings: TrainSettings, step: int) -> float:
    """The learning rate of a step, counted from 0 over the whole run; no state, so resuming needs none."""
    passed = step / settings.iterations  # in rounds
    factor = 1.0
    if passed < settings.warmup_rounds:
        factor = _WARMUP_START + (1 - _WARMUP_START) * passed / settings.warmup_rounds
    elif settings.schedule == "step":
        factor = 0.1 ** int(passed // settings.rounds_per_step)
    elif settings.schedule == "cosine":
        share = (passed - settings.warmup_rounds) / max(settings.rounds - settings.warmup_rounds, 1e-9)
        factor = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return settings.learning_rate * factor


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Put a learning rate into every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
