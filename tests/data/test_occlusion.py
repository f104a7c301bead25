import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.data.occlusion import Occlusion
from reseen.errors import SettingsError


def crops(count=5, height=32, width=16):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, height, width), generator=generator, dtype=torch.uint8)
    return images, [f"{place:04d}_c1.jpg" for place in range(count)]


@given(share=st.floats(0.05, 0.9), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_a_rectangle_of_one_color_covers_the_share(share, seed):
    images, paths = crops(height=64, width=32)
    hidden = Occlusion(share, seed=seed).hide(images, paths)
    for before, after in zip(images, hidden, strict=True):
        changed = (before != after).any(dim=0)
        rows, columns = changed.any(dim=1).nonzero().flatten(), changed.any(dim=0).nonzero().flatten()
        box = after[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert (box == box[:, :1, :1]).all()
        assert box[0].numel() / changed.numel() == pytest.approx(share, abs=0.05)


def test_what_is_hidden_depends_on_seed_and_path_alone():
    images, paths = crops()
    hidden = Occlusion(0.3).hide(images, paths)
    assert torch.equal(hidden, Occlusion(0.3).hide(images, paths))
    order = [3, 0, 4, 1, 2]
    assert torch.equal(hidden[order], Occlusion(0.3).hide(images[order], [paths[place] for place in order]))
    assert not torch.equal(hidden, Occlusion(0.3, seed=1).hide(images, paths))
    covered = (Occlusion(0.3).hide(images[:1].expand(2, -1, -1, -1), paths[:2]) != images[:1]).any(dim=1)
    assert not torch.equal(*covered)


@pytest.mark.parametrize("half", ["upper", "lower"])
def test_half_a_body_fills_the_crop(half):
    image = torch.zeros(1, 3, 32, 16, dtype=torch.uint8)
    image[:, :, :16] = 200
    shown = Occlusion(half=half).hide(image, ["a.jpg"])
    assert shown.shape == image.shape
    assert (shown == (200 if half == "upper" else 0)).all()


def test_images_are_not_changed_in_place():
    images, paths = crops()
    before = images.clone()
    Occlusion(0.5).hide(images, paths)
    assert torch.equal(images, before)


@pytest.mark.parametrize("values", [{}, {"share": 0.3, "half": "upper"}, {"share": 0.0}, {"share": 1.0}])
def test_what_makes_no_sense_is_refused(values):
    with pytest.raises(SettingsError, match="occlusion: "):
        Occlusion(**values)
