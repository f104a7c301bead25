import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from reseen.export.graph import bicubic_weights, in_half_precision, resize
from reseen.models import Encoder, ModelSettings


def reference_weights(size, target):
    """Pixel by pixel: Keys' kernel with a = -0.5 over the pixels that exist, stretched where the image shrinks."""

    def kernel(x):
        x = abs(x)
        if x < 1:
            return 1.5 * x**3 - 2.5 * x**2 + 1
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0

    rows = []
    for place in range(target):
        center = (place + 0.5) * size / target
        row = [kernel((pixel + 0.5 - center) / max(size / target, 1)) for pixel in range(size)]
        rows.append([value / sum(row) for value in row])
    return np.array(rows)


@settings(max_examples=30)
@given(st.integers(1, 90), st.integers(1, 40))
def test_weights_are_the_kernel_over_the_pixels_that_exist(size, target):
    weights = bicubic_weights(size, target).numpy()
    assert np.allclose(weights, reference_weights(size, target), atol=2e-5)
    assert np.allclose(weights.sum(axis=1), 1, atol=1e-5)


def test_the_same_size_changes_no_bit():
    images = torch.randint(0, 256, (2, 3, 20, 11)).float()
    assert torch.equal(resize(images, 20, 11), images)


def by_pillow(pixels):
    return np.asarray(Image.fromarray(pixels).resize((64, 128), Image.Resampling.BICUBIC)).astype(int)


def by_products(pixels):
    images = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()
    return resize(images, 128, 64)[0].permute(1, 2, 0).numpy().astype(int)


@pytest.mark.parametrize("size", [(200, 77), (140, 66), (128, 300), (150, 40), (300, 100)])
def test_it_is_pillow_on_noise_where_the_order_is_the_same(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    apart = np.abs(by_products(pixels) - by_pillow(pixels))
    assert apart.max() <= 1
    assert (apart > 0).mean() < 1e-3


@pytest.mark.parametrize("size", [(50, 30), (100, 80), (1000, 501), (64, 32)])
def test_it_is_pillow_on_pictures_whatever_the_order(size, crowd):
    file = next((crowd / "bounding_box_train").glob("*.jpg"))
    pixels = np.asarray(Image.open(file).resize(size[::-1], Image.Resampling.BICUBIC))
    apart = np.abs(by_products(pixels) - by_pillow(pixels))
    assert apart.max() <= 12
    assert apart.mean() < 0.5


def test_a_trunk_with_frozen_stages_computes_in_half_precision():
    torch.manual_seed(0)
    encoder = Encoder(ModelSettings(backbone="test_resnet", weights="none", frozen_stages=2), 64, 32).eval()
    half = in_half_precision(encoder)
    images = torch.rand(2, 3, 64, 32)
    assert next(half.trunk.parameters()).dtype == torch.float16
    torch.testing.assert_close(half(images), encoder(images).detach(), rtol=0, atol=5e-3)
    assert next(encoder.trunk.parameters()).dtype == torch.float32
