import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.losses import batch_hard_triplet


def unit(values):
    return torch.nn.functional.normalize(values, dim=1)


def slow(features, labels, margin):
    """Anchor by anchor, from the formula."""
    terms = []
    for row, (anchor, own) in enumerate(zip(features.tolist(), labels.tolist(), strict=True)):
        distances = [math.dist(anchor, other) for other in features.tolist()]
        distances[row] = 0.0
        positives = [d for d, label in zip(distances, labels.tolist(), strict=True) if label == own]
        negatives = [d for d, label in zip(distances, labels.tolist(), strict=True) if label != own]
        if negatives:
            gap = max(positives) - min(negatives)
            terms.append(math.log1p(math.exp(gap)) if margin == "soft" else max(0.0, margin + gap))
    return sum(terms) / len(terms) if terms else 0.0


@settings(max_examples=40)
@given(
    batch=st.integers(1, 9),
    people=st.integers(1, 4),
    seed=st.integers(0, 999),
    margin=st.sampled_from([0.3, 0.5, "soft"]),
)
def test_equals_a_slow_loop_and_names_of_labels_do_not_matter(batch, people, seed, margin):
    generator = torch.Generator().manual_seed(seed)
    features = unit(torch.randn(batch, 4, generator=generator, dtype=torch.float64))
    labels = torch.randint(0, people, (batch,), generator=generator)
    found = float(batch_hard_triplet(features, labels, margin))
    assert found == pytest.approx(slow(features, labels, margin), abs=1e-6)
    assert found == pytest.approx(float(batch_hard_triplet(features, 7 - 2 * labels, margin)), abs=1e-12)


def test_by_hand():
    labels = torch.tensor([0, 0, 1, 1])
    alike = unit(torch.ones(4, 3))
    assert float(batch_hard_triplet(alike, labels, 0.5)) == pytest.approx(0.5)
    assert float(batch_hard_triplet(alike, labels, "soft")) == pytest.approx(math.log(2))
    apart = torch.tensor([[1.0, 0], [1, 0], [-1, 0], [-1, 0]])
    assert float(batch_hard_triplet(apart, labels, 0.5)) == 0
    assert (
        float(batch_hard_triplet(apart, torch.zeros(4, dtype=torch.long), 0.5)) == 0
    )  # no negative anywhere
    crossed = torch.tensor([[1.0, 0], [-1, 0], [1, 0], [-1, 0]])  # the positive at 2, a negative at 0
    assert float(batch_hard_triplet(crossed, labels, 0.5)) == pytest.approx(2.5, abs=1e-5)


def test_gradients_are_those_of_the_definition_and_finite_where_rows_coincide():
    labels = torch.tensor([0, 0, 1, 1, 2])
    features = unit(torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda f: batch_hard_triplet(f, labels, 2.5), features.requires_grad_())
    alike = unit(torch.ones(4, 3)).requires_grad_()
    batch_hard_triplet(alike, labels[:4], 0.5).backward()
    assert torch.isfinite(alike.grad).all()
