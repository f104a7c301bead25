import math

import pytest
import torch

from reseen.runs.train_settings import TrainSettings
from reseen.training.optimizer import build_optimizer, learning_rate


def settings(**values):
    return TrainSettings(**{"learning_rate": 1.0, "iterations": 10, "rounds": 6, **values})


@pytest.mark.parametrize(
    ("values", "step", "expected"),
    [
        ({"schedule": "constant"}, 59, 1.0),
        ({"schedule": "step", "step_rounds": 2}, 19, 1.0),
        ({"schedule": "step", "step_rounds": 2}, 20, 0.1),
        ({"schedule": "step", "step_rounds": 2}, 40, 0.01),
        ({"schedule": "step", "step_rounds": 2, "warmup_rounds": 1}, 19, 1.0),
        ({"schedule": "step", "step_rounds": 2, "warmup_rounds": 1}, 20, 0.1),
        ({"schedule": "step", "step_rounds": 2, "warmup_rounds": 1}, 40, 0.01),
        ({"schedule": "cosine"}, 0, 1.0),
        ({"schedule": "cosine"}, 30, 0.5),
        ({"schedule": "cosine"}, 60, 0.0),
        ({"schedule": "cosine", "warmup_rounds": 2}, 0, 0.01),
        ({"schedule": "cosine", "warmup_rounds": 2}, 10, 0.505),
        ({"schedule": "cosine", "warmup_rounds": 2}, 20, 1.0),
        ({"schedule": "cosine", "warmup_rounds": 2}, 40, 0.5),
    ],
)
def test_learning_rate(values, step, expected):
    assert math.isclose(learning_rate(settings(**values), step), expected, abs_tol=1e-12)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_optimizers_leave_frozen_weights_out(name):
    model = torch.nn.Linear(3, 2)
    model.bias.requires_grad_(False)
    optimizer = build_optimizer([model], settings(optimizer=name, weight_decay=0.5))
    assert [p.shape for group in optimizer.param_groups for p in group["params"]] == [(2, 3)]
    assert optimizer.param_groups[0]["weight_decay"] == 0.5
    assert type(optimizer).__name__.lower() == name
