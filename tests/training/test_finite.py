"""A loss or weight that is not finite is named, with the round that is kept and the remedy."""

import math

import pytest
import torch
from torch import nn

from reseen.errors import TrainingError
from reseen.training.finite import check_finite


def test_finite_losses_and_weights_pass():
    check_finite(nn.Linear(3, 2), {"contrast": 1.5, "visual": 0.0}, 1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_is_named_with_what_to_do(value):
    with pytest.raises(
        TrainingError, match=rf"round 4: the loss 'visual' became {value}; the run keeps its state"
    ) as caught:
        check_finite(nn.Linear(3, 2), {"contrast": 1.0, "visual": value}, 4)
    assert "of round 3; lower train.learning_rate" in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_weight_or_statistic_is_found_where_the_losses_are_finite(value):
    for name in ("bias", "running_var"):
        norm = nn.BatchNorm1d(3)
        with torch.no_grad():
            norm.state_dict()[name][1] = value
        with pytest.raises(TrainingError, match=f"the weights '{name}' are not finite"):
            check_finite(norm, {"contrast": 1.0}, 1)


def test_counters_are_no_weights():
    norm = nn.BatchNorm1d(3)
    norm.num_batches_tracked.fill_(2**60)
    check_finite(norm, {}, 1)
