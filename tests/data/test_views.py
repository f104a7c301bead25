import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from reseen.data import jitter
from reseen.data.views import AugmentationSettings, WarpSettings, augment, normalize
from reseen.records import BatchSlice

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    return torch.randint(0, 256, (64, 3, 32, 16), dtype=torch.uint8, generator=generator(7))


def off(**settings):
    return AugmentationSettings(**{"flip": 0, "pad": 0, "erasing": 0, **settings})


def test_nothing_on_is_normalize_alone(images):
    found = augment(images, off(), MEAN, STD, generator())
    assert torch.equal(found, normalize(images, MEAN, STD))
    wanted = tv.normalize(images.float() / 255, list(MEAN), list(STD))
    assert torch.allclose(found, wanted, atol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_input_is_not_changed_and_seed_decides(images):
    before = images.clone()
    settings = AugmentationSettings(jitter=jitter.JitterSettings())
    first = augment(images, settings, MEAN, STD, generator(1))
    assert torch.equal(images, before)
    assert torch.equal(first, augment(images, settings, MEAN, STD, generator(1)))
    assert not torch.equal(first, augment(images, settings, MEAN, STD, generator(2)))


def test_flip_mirrors_the_share_asked_for(images):
    assert torch.equal(
        augment(images, off(flip=1), MEAN, STD, generator()), normalize(tv.horizontal_flip(images), MEAN, STD)
    )
    half = augment(images, off(flip=0.5), MEAN, STD, generator())
    flipped = [not torch.equal(a, b) for a, b in zip(half, normalize(images, MEAN, STD), strict=True)]
    assert 16 < sum(flipped) < 48


def test_every_crop_is_a_window_of_the_padded_image(images):
    pad = 4
    found = augment(images[:16], off(pad=pad / 32), MEAN, STD, generator())
    places = set()
    for image, view in zip(images, found, strict=False):
        padded = tv.pad(image, [pad])
        windows = {
            (y, x): normalize(padded[None, :, y : y + 32, x : x + 16], MEAN, STD)[0]
            for y in range(2 * pad + 1) for x in range(2 * pad + 1)
        }  # fmt: skip
        matches = [place for place, window in windows.items() if torch.allclose(window, view)]
        assert len(matches) == 1
        places.update(matches)
    assert len(places) > 8


def test_erasing_cuts_one_rectangle_of_the_right_size(images):
    plain = normalize(images, MEAN, STD) + 100  # so that only erased pixels are 0
    from reseen.data.views import _erased

    erased = _erased(plain, 1.0, generator(), BatchSlice.whole(len(images)))
    for mask in erased:
        assert mask.any()
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        tall, wide = len(rows), len(columns)
        assert int(mask.sum()) == tall * wide  # a full rectangle
        assert int(rows[-1] - rows[0]) + 1 == tall
        assert 0.01 <= tall * wide / (32 * 16) <= 0.45
    share = _erased(plain, 0.5, generator(), BatchSlice.whole(len(images))).any(2).any(1).float().mean()
    assert 0.3 < share < 0.7
    view = augment(images, off(erasing=1), MEAN, STD, generator())
    assert all((image == 0).all(0).any() for image in view)


@pytest.mark.parametrize(
    ("mine", "theirs", "amount"),
    [
        (jitter.adjust_brightness, tv.adjust_brightness, 1.3),
        (jitter.adjust_contrast, tv.adjust_contrast, 0.7),
        (jitter.adjust_saturation, tv.adjust_saturation, 1.4),
        (jitter.adjust_hue, tv.adjust_hue, -0.2),
        (jitter.adjust_hue, tv.adjust_hue, 0.35),
    ],
)
def test_jitter_equals_torchvision(images, mine, theirs, amount):
    floats = images[:8].float() / 255
    shape = (8, 1, 1) if mine is jitter.adjust_hue else (8, 1, 1, 1)
    assert torch.allclose(mine(floats, torch.full(shape, amount)), theirs(floats, amount), atol=1e-4)


def test_jitter_of_strength_zero_changes_nothing(images):
    still = jitter.JitterSettings(brightness=0, contrast=0, saturation=0, hue=0)
    assert (jitter.jitter_color(images, still, generator()).int() - images.int()).abs().max() <= 1


@pytest.mark.parametrize("views", [1, 2])
def test_a_part_of_a_batch_becomes_what_it_would_in_the_whole(images, views):
    settings = AugmentationSettings(jitter=jitter.JitterSettings(cast=0.1), warp=WarpSettings())
    drawn = generator(4)
    whole = augment(images, settings, MEAN, STD, drawn, views)
    for own in (slice(0, 10), slice(10, 41), slice(41, 64)):
        again = generator(4)
        part = augment(images[own], settings, MEAN, STD, again, views, BatchSlice(len(images), own))
        assert torch.equal(part, whole[own])
        assert torch.equal(again.get_state(), drawn.get_state())
