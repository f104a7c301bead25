"""The patch loss against a slow loop, and its golden values."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reseen.losses import PatchMemory, patch_discrimination


def _memory(rows, changed=None, fresh=None):
    changed = torch.tensor([], dtype=torch.int64) if changed is None else changed
    return PatchMemory(rows, changed, rows[changed] if fresh is None else fresh)


def _moving(generator):
    """Five images, their rows of twelve, the memory as it is and as it becomes."""
    old = torch.randn(12, 4, generator=generator, dtype=torch.float64)
    own = torch.randperm(12, generator=generator)[:5]
    features = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    new = old.clone()
    new[own] = 0.9 * old[own] + 0.1 * features
    return features, own, old, new


def _slow(features, own, rows, k, s):
    total = 0.0
    for x, i in zip(features, own.tolist(), strict=True):
        terms = sorted(
            (math.exp(-s * float((x - w).square().sum())) for j, w in enumerate(rows) if j != i), reverse=True
        )
        total -= math.log(sum(terms[:k]) / sum(terms))
    return total / len(features)


@given(st.integers(0, 10_000), st.integers(1, 14), st.integers(1, 60))
def test_it_equals_a_slow_loop_over_the_memory_as_it_becomes(seed, k, cells):
    generator = torch.Generator().manual_seed(seed)
    features, own, old, new = _moving(generator)
    changed = own.sort().values
    found = patch_discrimination(features, own, _memory(old, changed, new[changed]), k, 2.0, chunk=cells)
    assert float(found) == pytest.approx(_slow(features, own, new, k, 2.0), rel=1e-6, abs=1e-9)


@given(st.integers(0, 10_000))
def test_given_positives_equal_a_slow_loop_over_the_memory_as_it_becomes(seed):
    generator = torch.Generator().manual_seed(seed)
    features, own, old, new = _moving(generator)
    positives = torch.stack([torch.randperm(12, generator=generator)[:4] for _ in own])
    positives[torch.rand(positives.shape, generator=generator) < 0.5] = -1
    positives[positives == own[:, None]] = -1
    each = []
    for x, i, row in zip(features, own.tolist(), positives.tolist(), strict=True):
        terms = {j: math.exp(-2.0 * float((x - w).square().sum())) for j, w in enumerate(new) if j != i}
        believed = [j for j in row if j >= 0]
        if believed:
            each.append(-math.log(sum(terms[j] for j in believed) / sum(terms.values())))
    expected = sum(each) / len(each) if each else 0.0
    changed = own.sort().values
    features.requires_grad_()
    found = patch_discrimination(features, own, _memory(old, changed, new[changed]), 1, 2.0, positives)
    assert float(found.detach()) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    (pulled,) = torch.autograd.grad(found, features)
    assert bool(pulled.isfinite().all())
    assert not bool(pulled[(positives < 0).all(dim=1)].any())


def test_equally_far_rows_give_the_published_golden_value():
    rows = torch.eye(100).double()
    features = torch.full((1, 100), 0.1).double()
    found = patch_discrimination(features, torch.tensor([3]), _memory(rows, torch.tensor([3])), 10, 15.0)
    assert float(found) == pytest.approx(2.2925, abs=5e-5)


def test_all_others_as_neighbors_give_zero():
    rows = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    found = patch_discrimination(
        rows[:2] + 0.1, torch.tensor([0, 1]), _memory(rows, torch.tensor([0, 1])), 8, 5.0
    )
    assert float(found) == pytest.approx(0, abs=1e-5)


def test_the_own_row_does_not_matter():
    rows = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)).double()
    features, own = rows[:1] + 0.1, torch.tensor([0])
    there = patch_discrimination(features, own, _memory(rows, own), 3, 5.0)
    moved = rows.clone()
    moved[0] = 100
    torch.testing.assert_close(patch_discrimination(features, own, _memory(moved, own), 3, 5.0), there)


@given(st.integers(0, 1000))
def test_it_falls_as_the_scale_grows_and_does_not_overflow(seed):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(20, 4, generator=generator).double()
    own = torch.tensor([0])
    found = [
        float(patch_discrimination(rows[:1], own, _memory(rows, own), 5, s)) for s in (0.5, 2.0, 8.0, 50.0)
    ]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(found))
    assert found[0] >= 0
    assert math.isfinite(found[-1])


@given(st.integers(0, 1000))
def test_the_order_of_the_memory_does_not_matter_and_no_gradient_reaches_it(seed):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(10, 4, generator=generator).double().requires_grad_()
    features = torch.randn(2, 4, generator=generator).double().requires_grad_()
    own = torch.tensor([4, 7])
    order = torch.randperm(10, generator=generator)
    place = order.argsort()
    first = patch_discrimination(features, own, _memory(rows.detach(), own), 3, 2.0)
    there = place[own].sort().values
    second = patch_discrimination(features, place[own], _memory(rows.detach()[order], there), 3, 2.0)
    torch.testing.assert_close(first, second)
    first.backward()
    assert rows.grad is None
    assert features.grad is not None
