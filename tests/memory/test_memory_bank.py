"""The bank against the sequential rule."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reseen.geometry import unit
from reseen.memory import InstanceBank

CPU = torch.device("cpu")


@given(st.integers(0, 1000), st.booleans(), st.floats(0, 1))
def test_it_follows_the_rule_sample_by_sample_and_touches_no_other_row(seed, raw, momentum):
    generator = torch.Generator().manual_seed(seed)
    start = unit(torch.randn(9, 4, generator=generator))
    features = unit(torch.randn(6, 4, generator=generator))
    rows = torch.randint(0, 5, (6,), generator=generator)
    expected = start.clone()
    for feature, row in zip(features, rows.tolist(), strict=True):
        mixed = momentum * expected[row] + (1 - momentum) * feature
        expected[row] = mixed if raw else unit(mixed)
    bank = InstanceBank(start, CPU, raw)
    changed, fresh = bank.preview(features, rows, momentum)
    assert torch.equal(bank.vectors, start)
    bank.update(features, rows, momentum)
    torch.testing.assert_close(bank.vectors, expected)
    torch.testing.assert_close(fresh, expected[changed])
    assert changed.tolist() == sorted(set(rows.tolist()))
    assert torch.equal(bank.vectors[5:], start[5:])


def test_momentum_one_keeps_and_zero_replaces():
    start, features = unit(torch.randn(3, 4)), unit(torch.randn(3, 4))
    for momentum, expected in ((1.0, start), (0.0, features)):
        bank = InstanceBank(start, CPU)
        bank.update(features, torch.arange(3), momentum)
        torch.testing.assert_close(bank.vectors, expected)


def test_a_raw_row_forgets_as_powers_of_the_momentum():
    bank = InstanceBank(torch.ones(1, 2), CPU, raw=True)
    for _ in range(5):
        bank.update(torch.full((1, 2), 3.0), torch.tensor([0]), 0.9)
    assert float(bank.vectors[0, 0]) == pytest.approx(3 - 2 * 0.9**5)


def test_it_keeps_a_copy_without_gradients():
    start = torch.randn(3, 2, requires_grad=True)
    bank = InstanceBank(start, CPU, raw=True)
    bank.update(torch.ones(1, 2, requires_grad=True), torch.tensor([1]), 0.5)
    assert not bank.vectors.requires_grad
    assert not torch.equal(bank.vectors[1], start[1])
