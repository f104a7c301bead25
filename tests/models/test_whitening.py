"""Whitening within clusters, against loops over pairs of crops and an inverse root of its own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.geometry import unit
from reseen.models import Encoder, ModelSettings
from reseen.models.whitening import Whitening, fit_whitening


def drawn(count=60, dimension=6, clusters=7, cameras=3, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(-1, clusters, count)
    spread = np.linspace(0.05, 1, dimension)
    vectors = generator.normal(size=(clusters + 1, dimension))[labels] + spread * generator.normal(
        size=(count, dimension)
    )
    return (
        unit(torch.from_numpy(vectors)).float().numpy(),
        labels.astype(np.int64),
        generator.integers(-1, cameras, count).astype(np.int64),
    )


def within(vectors, labels, cameras):
    """Covariance around the means of clusters, from pairs of crops of one, of vectors less their camera's mean."""
    rows = vectors.astype(np.float64).copy()
    for camera in set(cameras.tolist()):
        of_camera = cameras == camera
        rows[of_camera] -= vectors[of_camera if camera >= 0 else slice(None)].astype(np.float64).mean(axis=0)
    total, degrees = np.zeros((rows.shape[1],) * 2), 0
    for label in sorted(set(labels[labels >= 0].tolist())):
        crops = rows[labels == label]
        for first in crops:
            for second in crops:
                total += np.outer(first - second, first - second) / (2 * len(crops))
        degrees += len(crops) - 1
    return total / degrees


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1.0, 0.5]), st.floats(0.05, 1))
def test_the_matrix_is_the_inverse_power_of_the_shrunk_covariance_within_clusters(seed, power, shrinkage):
    vectors, labels, cameras = drawn(seed=seed)
    covariance = within(vectors, labels, cameras)
    covariance /= np.trace(covariance) / len(covariance)
    shrunk = (1 - shrinkage) * covariance + shrinkage * np.eye(len(covariance))
    found = fit_whitening(vectors, labels, cameras, power, shrinkage)
    matrix = found.matrix.double().numpy()
    times = {1.0: 2, 0.5: 4}[power]  # so many powers of the matrix are the inverse
    np.testing.assert_allclose(np.linalg.matrix_power(matrix, times) @ shrunk, np.eye(len(matrix)), atol=2e-3)
    np.testing.assert_allclose(found.mean, vectors.mean(axis=0), atol=1e-6)


def test_blocks_of_rows_change_nothing(monkeypatch):
    vectors, labels, cameras = drawn()
    whole = fit_whitening(vectors, labels, cameras)
    monkeypatch.setattr("reseen.models.whitening._BLOCK", 7)
    in_blocks = fit_whitening(vectors, labels, cameras)
    torch.testing.assert_close(in_blocks.matrix, whole.matrix, atol=1e-6, rtol=0)
    torch.testing.assert_close(in_blocks.mean, whole.mean, atol=1e-6, rtol=0)


def test_fully_whitened_crops_vary_alike_in_every_direction_within_clusters():
    vectors, labels, _ = drawn(count=400)
    found = fit_whitening(vectors, labels, None, power=1, shrinkage=0)
    mapped = found(torch.from_numpy(vectors)).numpy()
    covariance = within(mapped, labels, np.full(len(labels), -1))
    np.testing.assert_allclose(covariance / covariance[0, 0], np.eye(6), atol=1e-3)


def test_power_zero_only_moves_the_mean_and_shrinkage_one_is_a_multiple_of_the_identity():
    vectors, labels, cameras = drawn()
    for found in (
        fit_whitening(vectors, labels, cameras, power=0),
        fit_whitening(vectors, labels, cameras, shrinkage=1),
    ):
        np.testing.assert_allclose(found.matrix, np.eye(6), atol=1e-6)


@given(st.permutations(list(range(7))))
def test_numbers_of_clusters_and_the_order_of_crops_do_not_matter(order):
    vectors, labels, cameras = drawn()
    renamed = np.where(labels >= 0, np.array(order)[labels], -1)
    rows = np.random.default_rng(0).permutation(len(labels))
    expected = fit_whitening(vectors, labels, cameras).matrix
    found = fit_whitening(vectors[rows], renamed[rows], cameras[rows]).matrix
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("labels", [np.full(8, -1), np.arange(8), np.zeros(8, dtype=np.int64)])
def test_without_variation_within_clusters_there_is_none(labels):
    vectors = (
        np.eye(8, dtype=np.float32)
        if labels[0] != labels[1] or labels[0] < 0
        else np.ones((8, 8), np.float32)
    )
    assert (
        fit_whitening(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels.astype(np.int64))
        is None
    )


def test_an_encoder_whitens_unit_vectors_and_normalizes_again():
    torch.manual_seed(0)
    encoder = Encoder(ModelSettings(backbone="resnet10t", weights="none"), 64, 32).eval()
    images = torch.randn(3, 3, 64, 32)
    with torch.no_grad():
        plain = encoder(images)
        mean, matrix = torch.randn(512) / 30, torch.randn(512, 512)
        encoder.whitening = Whitening(mean, matrix)
        torch.testing.assert_close(encoder(images), unit((plain - mean) @ matrix), atol=1e-5, rtol=0)
        torch.testing.assert_close(encoder.embed_frames(images), (plain - mean) @ matrix, atol=1e-4, rtol=0)
    assert {"whitening.mean", "whitening.matrix"} <= set(encoder.state_dict())
    assert not [name for name, _ in encoder.named_parameters() if name.startswith("whitening")]
