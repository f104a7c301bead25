"""The image-level loss against a walk written from its rule."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reseen.losses import image_patches
from reseen.losses.image_patches import true_negatives


def _slow(embeddings, images, centers, reach, nearest):
    found = []
    for e, i in zip(embeddings, images.tolist(), strict=True):
        others = sorted(
            (j for j in range(len(centers)) if j != i), key=lambda j: float((e - centers[j]).norm())
        )
        chosen = -1
        for j in others[:reach]:
            ranked = sorted(
                range(len(centers)), key=lambda c: (c != j, float((centers[j] - centers[c]).norm()))
            )
            if i not in ranked[:nearest]:
                chosen = j
                break
        found.append(chosen)
    return found


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 16), st.integers(1, 5))
def test_true_negatives_equal_a_slow_walk(seed, count, reach, nearest):
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(count, 3, generator=generator).double()
    images = torch.arange(count).repeat(2)
    embeddings = centers[images] + 0.5 * torch.randn(2 * count, 3, generator=generator).double()
    assert true_negatives(embeddings, images, centers, reach, nearest).tolist() == _slow(
        embeddings, images, centers, reach, nearest
    )


def test_a_candidate_that_finds_the_center_near_is_passed_over():
    centers = torch.tensor([[0.0], [1.0], [1.5], [10.0], [10.5]])
    # for image 0: center 1 has {1, 2, 0} nearest, so has 2: both are passed over; 3 has {3, 4, 2}
    assert true_negatives(centers[:1], torch.tensor([0]), centers, 15, 3).tolist() == [3]
    assert true_negatives(centers[:1], torch.tensor([0]), centers, 2, 3).tolist() == [-1]
    assert true_negatives(centers[:1], torch.tensor([0]), centers, 15, 1).tolist() == [1]  # itself counted


def test_of_coincident_centers_each_is_the_first_in_its_own_list():
    centers = torch.tensor([[0.0], [0.0], [5.0], [5.0]])
    # the only center near 1 is 1 itself, although 0 is as near; with two, 0 is among them
    assert true_negatives(centers[:1], torch.tensor([0]), centers, 15, 1).tolist() == [1]
    assert true_negatives(centers[:1], torch.tensor([0]), centers, 15, 2).tolist() == [2]


def test_it_vanishes_where_the_negative_is_far_enough():
    centers = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    found = image_patches(centers.clone(), torch.arange(4), centers, 2.0, 15, 1)
    assert float(found) == pytest.approx(0, abs=1e-5)


def test_without_a_true_negative_margin_and_pull_are_left():
    centers = torch.tensor([[0.0], [1.0]])
    found = image_patches(centers + 0.5, torch.arange(2), centers, 2.0, 15, 2)
    assert float(found) == pytest.approx(2.5)


@given(st.integers(0, 1000))
def test_turning_the_space_changes_nothing(seed):
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(6, 3, generator=generator).double()
    embeddings = torch.randn(6, 3, generator=generator).double()
    turn = torch.linalg.qr(torch.randn(3, 3, generator=generator).double()).Q
    images = torch.arange(6)
    first = image_patches(embeddings, images, centers, 2.0, 15, 3)
    torch.testing.assert_close(image_patches(embeddings @ turn, images, centers @ turn, 2.0, 15, 3), first)


def test_the_gradient_is_finite_where_embedding_and_center_coincide():
    centers = torch.zeros(3, 2)
    embeddings = torch.zeros(3, 2, requires_grad=True)
    image_patches(embeddings, torch.arange(3), centers, 2.0, 15, 1).backward()
    assert torch.isfinite(embeddings.grad).all()


def test_a_center_of_the_same_group_is_no_negative():
    centers = torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0]])
    which = torch.tensor([0])
    assert true_negatives(centers[:1], which, centers, 15, 1).tolist() == [1]
    groups = torch.tensor([7, 7, 7, 8, 8])
    assert true_negatives(centers[:1], which, centers, 15, 1, groups).tolist() == [3]
    alike = torch.zeros(5, dtype=torch.int64)
    assert true_negatives(centers[:1], which, centers, 15, 1, alike).tolist() == [-1]
