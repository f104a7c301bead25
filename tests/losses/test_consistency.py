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


@given(seed=st.integers(0, 99), share=st.floats(0, 1))
def test_masked_cells_count_alike_whatever_their_length_and_visible_ones_not_at_all(seed, share):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(2, 3, 4, 5, generator=generator) * torch.rand(2, 1, 4, 5, generator=generator) * 10
    kept = torch.rand(2, 1, 4, 5, generator=generator) >= share
    predicted, distances = torch.randn(2, 3, 4, 5, generator=generator), []
    for image, row, column in (~kept[:, 0]).nonzero().tolist():
        guess, cell = predicted[image, :, row, column], maps[image, :, row, column]
        distances.append(2 - 2 * float(guess @ cell / (guess.norm() * cell.norm())))
    expected = sum(distances) / max(1, len(distances))
    found = float(masked_reconstruction(predicted, maps, kept))
    assert found == pytest.approx(expected, abs=1e-4)
    changed, other = torch.where(kept, maps + 1, maps), torch.where(kept, -predicted, predicted)
    assert float(masked_reconstruction(other, changed, kept)) == found


def test_the_gradient_of_predicted_cells_is_that_of_finite_differences_and_none_reaches_the_maps():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 3, 2, 2, generator=generator, dtype=torch.float64).requires_grad_()
    kept = torch.tensor([True, False, False, True, False, True, True, True]).view(2, 1, 2, 2)
    predicted = torch.randn(2, 3, 2, 2, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda cells: masked_reconstruction(cells, maps, kept), predicted)
    masked_reconstruction(predicted, maps, kept).backward()
    assert torch.equal(predicted.grad.any(dim=1), ~kept[:, 0])
    assert maps.grad is None


def test_cells_without_a_direction_have_a_finite_gradient():
    predicted = torch.zeros(1, 3, 1, 2).requires_grad_()
    kept = torch.tensor([False, True]).view(1, 1, 1, 2)
    masked_reconstruction(predicted, torch.zeros(1, 3, 1, 2), kept).backward()
    assert torch.isfinite(predicted.grad).all()


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
