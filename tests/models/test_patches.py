"""Where patches look, against sampling the map for real."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import affine_grid, grid_sample

from reseen.errors import SettingsError
from reseen.models.patches import Patches, PatchSettings, stripes, window_weights


def _sampled(maps, windows):
    """Resample each window to the size of the map, then average: what the weights stand for."""
    means = []
    for index in range(windows.shape[1]):
        grid = affine_grid(windows[:, index], list(maps.shape), align_corners=True)
        means.append(grid_sample(maps, grid, align_corners=True).mean(dim=(2, 3)))
    return torch.stack(means, dim=1)


@given(st.integers(0, 1000), st.integers(1, 9), st.integers(1, 6), st.integers(1, 4))
def test_weights_equal_sampling_and_averaging(seed, height, width, patches):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(2, 3, height, width, generator=generator, dtype=torch.float64)
    windows = torch.randn(2, patches, 2, 3, generator=generator, dtype=torch.float64)
    if height == 1:
        windows[:, :, 1] = 0  # one row has no coordinate but its middle
    if width == 1:
        windows[:, :, 0] = 0
    weights = window_weights(windows.float(), height, width).double()
    found = torch.einsum("bdyx,bpyx->bpd", maps, weights)
    torch.testing.assert_close(found, _sampled(maps, windows), rtol=1e-4, atol=1e-4)


def test_gradients_of_windows_equal_those_of_sampling():
    generator = torch.Generator().manual_seed(1)
    maps = torch.randn(2, 3, 8, 4, generator=generator)
    windows = (stripes(3)[None] + 0.05 * torch.randn(2, 3, 2, 3, generator=generator)).requires_grad_()
    target = torch.randn(2, 3, 3, generator=generator)
    one = (torch.einsum("bdyx,bpyx->bpd", maps, window_weights(windows, 8, 4)) * target).sum()
    other = (_sampled(maps, windows) * target).sum()
    torch.testing.assert_close(
        *(torch.autograd.grad(value, windows)[0] for value in (one, other)), rtol=1e-3, atol=1e-4
    )


def test_six_stripes_stand_where_they_were_published():
    found = stripes(6)
    assert found[:, 1, 2].tolist() == pytest.approx([-5 / 6, -3 / 6, -1 / 6, 1 / 6, 3 / 6, 5 / 6])
    assert torch.equal(found[:, 0], torch.tensor([[1.0, 0, 0]]).expand(6, 3))


@given(st.integers(1, 24))
def test_stripes_cover_every_row_and_weigh_one(count):
    weights = window_weights(stripes(count)[None], 24, 8)[0]
    assert bool((weights.sum(dim=(0, 2)) > 0).all())
    torch.testing.assert_close(weights.sum(dim=(1, 2)), torch.ones(count))


def test_the_identity_window_is_the_average():
    weights = window_weights(stripes(1)[None], 5, 3)
    torch.testing.assert_close(weights, torch.full((1, 1, 5, 3), 1 / 15))


@pytest.mark.parametrize("generator", ["frozen", "learned"])
def test_a_localization_head_starts_at_the_stripes_for_any_map(generator):
    patches = Patches(PatchSettings(count=3, generator=generator, dimension=4, channels=5), 6, (8, 4))
    maps = torch.randn(2, 6, 8, 4)
    torch.testing.assert_close(patches.windows(maps), stripes(3)[None].expand(2, -1, -1, -1))
    loss = (patches(maps) * torch.randn(2, 3, 4)).sum()
    loss.backward()
    learns = patches.localization.place.weight.grad is not None
    assert learns == (generator == "learned")


def test_patches_are_unit_vectors_and_do_not_touch_each_other():
    patches = Patches(PatchSettings(count=2, dimension=4), 6, (8, 4))
    maps = torch.randn(5, 6, 8, 4)
    found = patches(maps)
    torch.testing.assert_close(found.norm(dim=2), torch.ones(5, 2))
    found[:, 0, 0].sum().backward()
    assert bool(patches.embedding.grad[0].any())
    assert not bool(patches.embedding.grad[1].any())


@pytest.mark.parametrize("grid", [(1, 1), (4, 2)])
def test_more_patches_than_rows_are_refused(grid):
    with pytest.raises(SettingsError, match=r"model\.patches\.count: 6 stripes do not fit"):
        Patches(PatchSettings(count=6), 8, grid)


def test_a_frozen_localization_head_keeps_its_windows_while_the_rest_trains():
    torch.manual_seed(0)
    patches = Patches(PatchSettings(count=3, generator="frozen"), 16, (8, 4)).train()
    torch.nn.init.normal_(patches.localization.place.weight)
    maps = torch.randn(4, 16, 8, 4)
    before = patches.windows(maps)
    patches(torch.randn(4, 16, 8, 4))
    torch.testing.assert_close(patches.windows(maps), before)
    torch.testing.assert_close(patches.windows(maps[:1]), before[:1])  # nothing of the batch is in it
    assert patches.norm.training
