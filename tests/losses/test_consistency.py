import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from reseen.audit import feature_std
from reseen.geometry import unit
from reseen.losses.consistency import consistency, masked_reconstruction
from reseen.models.ema import predictor


@given(seed=st.integers(0, 99), scale=st.floats(0.1, 10))
def test_it_is_zero_along_the_target_and_four_against_it(seed, scale):
    target = torch.randn(5, 8, generator=torch.Generator().manual_seed(seed))
    assert float(consistency(scale * target, target)) == pytest.approx(0, abs=1e-5)
    assert float(consistency(-scale * target, target)) == pytest.approx(4, abs=1e-5)
    other = torch.randn(5, 8, generator=torch.Generator().manual_seed(seed + 100))
    unit = torch.nn.functional.normalize
    expected = (unit(target) - unit(other)).square().sum(dim=1).mean()
    assert float(consistency(target, other)) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("stopped", [True, False])
def test_gradients_reach_the_targets_only_when_asked(stopped):
    one, other = (torch.randn(4, 6).requires_grad_() for _ in range(2))
    consistency(one, other, stopped).backward()
    assert one.grad is not None
    assert (other.grad is None) == stopped


def test_only_masked_cells_count():
    maps = torch.randn(2, 3, 4, 5)
    kept = torch.ones(2, 1, 4, 5, dtype=torch.bool)
    assert float(masked_reconstruction(torch.zeros_like(maps), maps, kept)) == 0
    kept[0, 0, 1, 2] = kept[1, 0, 3, 3] = False
    assert float(masked_reconstruction(torch.zeros_like(maps), maps, kept)) == pytest.approx(1)
    right = torch.zeros_like(maps)
    right[0, :, 1, 2], right[1, :, 3, 3] = maps[0, :, 1, 2], maps[1, :, 3, 3]
    assert float(masked_reconstruction(right, maps, kept)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", [0, 1])
def test_features_collapse_without_head_and_stopped_gradient_and_stay_spread_with_both(seed):
    def trained(head: bool) -> float:
        torch.manual_seed(seed)
        encoder = nn.Sequential(
            nn.Linear(32, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 16)
        )
        predict = predictor(16, 8) if head else nn.Identity()
        optimizer = torch.optim.SGD(
            [*encoder.parameters(), *predict.parameters()], lr=0.05, momentum=0.9, weight_decay=1e-3
        )
        images = torch.randn(256, 32)
        for _ in range(200):
            batch = images[torch.randperm(256)[:64]]
            one, other = (encoder(batch * (torch.rand_like(batch) > 0.3)) for _ in range(2))
            loss = consistency(predict(one), other, head) + consistency(predict(other), one, head)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return feature_std(unit(encoder.eval()(images).detach()))

    assert trained(head=True) > 0.6
    assert trained(head=False) < 0.15
