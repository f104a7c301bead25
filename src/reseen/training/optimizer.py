"""The optimizer, and the learning rate as a function of the step."""

import math
from collections.abc import Sequence

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from reseen.runs.train_settings import TrainSettings

_WARMUP_START = 0.01


def build_optimizer(networks: Sequence[nn.Module], settings: TrainSettings) -> Optimizer:
    """An optimizer over all trainable parameters of `networks`."""
    everything = [parameter for network in networks for parameter in network.parameters()]
    parameters = [parameter for parameter in everything if parameter.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return SGD(parameters, rate, momentum=0.9, weight_decay=decay)
    kind = AdamW if settings.optimizer == "adamw" else Adam
    return kind(parameters, rate, weight_decay=decay)


def learning_rate(settings: TrainSettings, step: int) -> float:
    """The learning rate of a step, counted from 0 over the whole run. Stateless, so nothing is saved for resuming."""
    rounds = step / settings.iterations
    factor = 1.0
    if rounds < settings.warmup_rounds:
        factor = _WARMUP_START + (1 - _WARMUP_START) * rounds / settings.warmup_rounds
    elif settings.schedule == "step":
        factor = 0.1 ** int(rounds // settings.rounds_per_step)
    elif settings.schedule == "cosine":
        progress = (rounds - settings.warmup_rounds) / max(settings.rounds - settings.warmup_rounds, 1e-9)
        factor = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return settings.learning_rate * factor


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
