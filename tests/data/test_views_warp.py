"""Turning and zooming."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from reseen.data.views import AugmentationSettings, WarpSettings, augment, warp


def _images(count=3, height=32, width=16):
    return torch.randint(
        0, 256, (count, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def test_no_turn_and_the_whole_area_change_nothing():
    images = _images()
    whole = WarpSettings(rotation=0, smallest_area=1, largest_area=1)
    assert torch.equal(warp(images, whole, torch.Generator()), images)


def test_a_right_angle_on_a_square_is_an_exact_turn():
    images = _images(1, 16, 16)

    settings = WarpSettings(rotation=90, smallest_area=1, largest_area=1)
    seeds = [
        s
        for s in range(400)
        if abs(float(torch.rand(1, generator=torch.Generator().manual_seed(s))) - 1) < 0.004
    ]
    turned = warp(images, settings, torch.Generator().manual_seed(seeds[0])).float()
    exact = [torch.rot90(images, k, (2, 3)).float() for k in (1, 3)]
    apart = [float((turned - other).abs().mean()) for other in exact]
    assert min(apart) < 8 < max(apart)


def test_the_share_of_the_crop_that_is_seen_is_as_said():
    ramp = torch.arange(64, dtype=torch.uint8).view(1, 1, 64, 1).expand(200, 3, 64, 32).contiguous()
    seen = warp(
        ramp,
        WarpSettings(rotation=0, smallest_area=0.25, largest_area=0.25),
        torch.Generator().manual_seed(1),
    )
    heights = (seen[:, 0, -1, 0].float() - seen[:, 0, 0, 0].float() + 1).numpy()
    assert np.all((heights > 29) & (heights < 35))  # half the height
    tops = seen[:, 0, 0, 0].float().numpy()
    assert tops.min() < 4
    assert tops.max() > 28


def test_turning_keeps_shapes_on_tall_crops():
    """A square stays a square: its turned corners are as far from the middle as before."""
    images = torch.zeros(1, 3, 64, 32, dtype=torch.uint8)
    images[:, :, 24:40, 8:24] = 255
    settings = WarpSettings(rotation=45, smallest_area=1, largest_area=1)
    for seed in range(5):
        turned = warp(images, settings, torch.Generator().manual_seed(seed))
        assert float((turned[0, 0] > 127).sum()) == pytest.approx(256, rel=0.06)


def test_only_views_after_the_first_are_warped():
    images = _images(2).repeat(2, 1, 1, 1)
    plain = AugmentationSettings(flip=0, pad=0, erasing=0, warp=WarpSettings())
    views = augment(images, plain, (0.0,) * 3, (1.0,) * 3, torch.Generator().manual_seed(0), views_per_crop=2)
    assert torch.allclose(views[:2] * 255, images[:2].float(), atol=0.01)
    assert not torch.allclose(views[2:] * 255, images[:2].float(), atol=5)
    alone = augment(images[:2], plain, (0.0,) * 3, (1.0,) * 3, torch.Generator().manual_seed(0))
    assert torch.allclose(alone * 255, images[:2].float(), atol=0.01)


def test_areas_in_the_wrong_order_are_refused():
    with pytest.raises(ValidationError, match="smallest_area is larger"):
        WarpSettings(smallest_area=0.9, largest_area=0.8)
