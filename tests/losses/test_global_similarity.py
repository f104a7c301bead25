"""The global similarity loss against a slow loop from its formulas."""

import math
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reseen.geometry import unit
from reseen.losses import GlobalSimilaritySettings, global_similarity
from reseen.losses.global_similarity import credible_weights


def _case(seed, images=4, rows=12, k=3):
    generator = torch.Generator().manual_seed(seed)
    memory = unit(torch.randn(rows, 6, generator=generator, dtype=torch.float64))
    features = unit(torch.randn(images, 6, generator=generator, dtype=torch.float64))
    own = torch.randperm(rows, generator=generator)[:images]
    neighbors = torch.full((images, k), -1)
    for index in range(images):
        others = [r for r in torch.randperm(rows, generator=generator).tolist() if r != own[index]]
        take = int(torch.randint(0, k + 1, (1,), generator=generator))
        neighbors[index, :take] = torch.tensor(others[:take], dtype=torch.int64)
    return features, own, memory, neighbors


def _slow(features, own, memory, neighbors, settings):
    total = 0.0
    for f, i, row in zip(features, own.tolist(), neighbors.tolist(), strict=True):
        members = [j for j in row if j >= 0]
        near = [max(float(memory[i] @ memory[j]), 0.0) for j in members]
        if settings.weights == "similarity":
            w = [1.0] + [settings.neighbor_weight * s / max(sum(near), 1e-12) for s in near]
        elif settings.weights == "uniform":
            w = [1.0] + [settings.neighbor_weight / len(members) for _ in members]
        else:
            w = [settings.self_share] + [(1 - settings.self_share) / len(members) for _ in members]
        w = [value / sum(w) for value in w]
        s = [float(f @ m) for m in memory]
        if settings.kind == "regression":
            pulled = settings.pull * sum(x * (1 - s[j]) ** 2 for x, j in zip(w, [i, *members], strict=True))
            others = sorted((s[j] for j in range(len(s)) if j not in (i, *members)), reverse=True)
            hard = others[: max(1, int(settings.hard_share * (len(s) - 1)))]
            total += pulled + sum((1 + x) ** 2 for x in hard) / len(hard)
            continue
        p = [math.exp(x / settings.temperature) for x in s]
        p = [x / sum(p) for x in p]
        if settings.kind == "summed":
            total -= math.log(sum(p[j] for j in (i, *members)))
        else:
            total -= sum(x * math.log(p[j]) for x, j in zip(w, [i, *members], strict=True))
    return total / len(features)


@pytest.mark.parametrize("kind", ["softmax", "summed", "regression"])
@pytest.mark.parametrize("weights", ["similarity", "uniform", "self"])
@given(
    seed=st.integers(0, 10_000),
    weight=st.sampled_from([0.0, 1.0, 8.0]),
    share=st.sampled_from([0.05, 0.3, 0.5, 0.75]),
)
def test_it_equals_a_slow_loop(kind, weights, seed, weight, share):
    settings = GlobalSimilaritySettings(
        kind=kind, weights=weights, temperature=0.3, hard_share=share, neighbor_weight=weight
    )
    case = _case(seed)
    assert float(global_similarity(*case, settings)) == pytest.approx(_slow(*case, settings), rel=1e-6)


@given(st.integers(0, 1000))
def test_without_neighbors_it_is_cross_entropy_with_the_own_row(seed):
    features, own, memory, _ = _case(seed)
    nobody = torch.full((len(own), 3), -1)
    expected = torch.nn.functional.cross_entropy(features @ memory.T / 0.05, own)
    for kind in ("softmax", "summed"):
        found = global_similarity(features, own, memory, nobody, GlobalSimilaritySettings(kind=kind))
        torch.testing.assert_close(found, expected)


def test_a_memory_of_zeros_gives_ln_n():
    features = unit(torch.randn(3, 6))
    nobody = torch.full((3, 2), -1)
    found = global_similarity(
        features, torch.arange(3), torch.zeros(40, 6), nobody, GlobalSimilaritySettings()
    )
    assert float(found) == pytest.approx(math.log(40), rel=1e-6)


@given(st.integers(0, 1000), st.sampled_from(["similarity", "uniform", "self"]))
def test_weights_sum_to_one_and_carry_no_gradient(seed, weights):
    _, _, memory, neighbors = _case(seed)
    similarity = (memory[:4, None] * memory[neighbors.clamp_min(0)]).sum(-1).requires_grad_()
    found = credible_weights(similarity, neighbors >= 0, GlobalSimilaritySettings(weights=weights))
    torch.testing.assert_close(found.sum(dim=1), torch.ones(4, dtype=torch.float64))
    assert not found.requires_grad
    assert not bool(found[:, 1:][neighbors < 0].any())


@given(st.integers(0, 1000))
def test_the_gradient_is_what_the_softmax_gives_less_what_the_weights_want(seed):
    """d L / d f = sum_j (P_j - w_j) M_j / temperature."""
    features, own, memory, neighbors = _case(seed, images=1)
    settings = GlobalSimilaritySettings(weights="uniform", temperature=0.2)
    features.requires_grad_()
    (found,) = torch.autograd.grad(global_similarity(features, own, memory, neighbors, settings), features)
    members = [j for j in neighbors[0].tolist() if j >= 0]
    wanted = torch.zeros(len(memory), dtype=torch.float64)
    wanted[own[0]] = 0.5 if members else 1.0
    wanted[members] = 0.5 / max(len(members), 1)
    probability = (features.detach() @ memory.T / 0.2).softmax(dim=1)[0]
    torch.testing.assert_close(found[0], (probability - wanted) @ memory / 0.2)


@given(st.integers(0, 1000))
def test_it_is_never_below_the_entropy_of_the_weights(seed):
    features, own, memory, neighbors = _case(seed)
    settings = GlobalSimilaritySettings(temperature=0.01)
    members = torch.cat([own[:, None], neighbors], dim=1)
    similarity = (memory[own, None] * memory[neighbors.clamp_min(0)]).sum(-1)
    weights = credible_weights(similarity, neighbors >= 0, settings)
    entropy = torch.special.entr(weights).sum(dim=1).mean()
    assert members.shape == weights.shape
    assert float(global_similarity(features, own, memory, neighbors, settings)) >= float(entropy) - 1e-9


def test_regression_is_zero_when_all_is_as_wanted_and_six_on_zeros():
    memory = torch.cat([torch.eye(2), -torch.eye(2)])[[0, 2]].double()
    nobody = torch.full((1, 1), -1)
    settings = GlobalSimilaritySettings(kind="regression")
    found = global_similarity(memory[:1], torch.tensor([0]), memory, nobody, settings)
    assert float(found) == pytest.approx(0, abs=1e-12)
    zeros = global_similarity(memory[:1], torch.tensor([0]), torch.zeros(9, 2).double(), nobody, settings)
    assert float(zeros) == pytest.approx(6)


@pytest.mark.parametrize("share", [0.4, 0.5])  # of five others: two rows, also where it comes out as 2.5
def test_the_share_of_hard_negatives_is_of_the_rows_besides_the_image_itself(share):
    cosines = torch.tensor([1.0, 0.0, 0.8, -1.0, 0.6, -0.6]).double()
    memory = torch.stack([cosines, (1 - cosines.square()).sqrt()], dim=1)
    settings = GlobalSimilaritySettings(kind="regression", hard_share=share)
    nobody = torch.full((1, 1), -1)
    found = global_similarity(memory[:1], torch.tensor([0]), memory, nobody, settings)
    assert float(found) == pytest.approx((1.8**2 + 1.6**2) / 2)


def test_hard_negatives_a_few_images_at_a_time_have_the_gradient_of_all_at_once(monkeypatch):
    features, own, memory, neighbors = _case(3)
    settings = GlobalSimilaritySettings(kind="regression", hard_share=0.5)
    gradients = []
    for gathered in (1, 1 << 24):
        monkeypatch.setattr(sys.modules["reseen.losses.global_similarity"], "_GATHERED", gathered)
        given = features.clone().requires_grad_()
        loss = global_similarity(given, own, memory, neighbors, settings)
        gradients.append(torch.autograd.grad(loss, given)[0])
    torch.testing.assert_close(gradients[0], gradients[1])
    step = 1e-6 * torch.randn(features.shape, generator=torch.Generator().manual_seed(0)).double()
    apart = [float(global_similarity(features + k * step, own, memory, neighbors, settings)) for k in (1, -1)]
    assert (apart[0] - apart[1]) / 2 == pytest.approx(float((gradients[0] * step).sum()), rel=1e-4)
