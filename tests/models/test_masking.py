"""Masks of blocks, strips and single numbers, against counting by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reseen.errors import SettingsError
from reseen.models.masking import MaskSettings, check_map, draw_masks


def drawn(count, height, width, rate, seed=0, maps=None, **chosen):
    maps = torch.ones(count, 5, height, width) if maps is None else maps
    return draw_masks(maps, MaskSettings(**chosen), rate, torch.Generator().manual_seed(seed))


def covered_by_blocks(dropped, tall, wide):
    """Every dropped cell lies in a dropped rectangle of this size that is inside the map."""
    covered = torch.zeros_like(dropped)
    for top in range(dropped.shape[0] - tall + 1):
        for left in range(dropped.shape[1] - wide + 1):
            window = (slice(top, top + tall), slice(left, left + wide))
            if dropped[window].all():
                covered[window] = True
    return torch.equal(covered, dropped)


@given(
    height=st.integers(2, 16),
    width=st.integers(2, 8),
    block=st.integers(1, 4),
    kind=st.sampled_from(["block", "strip"]),
    seeds=st.sampled_from(["random", "active"]),
    rate=st.floats(0.01, 0.6),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_dropped_cells_are_blocks_wholly_inside_and_something_is_always_kept(
    height, width, block, kind, seeds, rate, seed
):
    block = min(block, height - 1 if kind == "strip" else min(height, width))
    maps = torch.rand(6, 3, height, width, generator=torch.Generator().manual_seed(seed))
    masks = drawn(6, height, width, rate, seed, maps, kind=kind, seeds=seeds, block=(block,))
    assert masks.shape == (6, 1, height, width)
    assert masks.flatten(1).any(dim=1).all()
    for mask in masks[:, 0]:
        dropped = ~mask
        assert dropped.any() or block == min(height, width) == max(height, width) == 1
        if mask.sum() > 1:  # else the one spared cell may have broken a block
            assert covered_by_blocks(dropped, block, width if kind == "strip" else block)


@pytest.mark.parametrize(
    ("share", "block", "kept"), [(0.1, 3, 0.905), (0.1, 5, 0.907), (0.1, 7, 0.905), (0.3, 3, 0.743)]
)
def test_the_share_of_cells_that_is_kept(share, block, kept):
    masks = drawn(20_000, 16, 8, share, block=(block,), min_blocks=0)
    assert float(masks.float().mean()) == pytest.approx(kept, abs=0.01)


@pytest.mark.parametrize(("share", "block", "empty"), [(0.1, 3, 0.24), (0.1, 5, 0.60), (0.3, 5, 0.21)])
def test_how_many_masks_are_empty_and_that_min_blocks_leaves_none(share, block, empty):
    masks = drawn(20_000, 16, 8, share, block=(block,), min_blocks=0)
    assert float(masks.flatten(1).all(dim=1).float().mean()) == pytest.approx(empty, abs=0.015)
    assert not drawn(2_000, 16, 8, share, block=(block,)).flatten(1).all(dim=1).any()


def test_blocks_of_one_cell_drop_cells_one_by_one():
    masks = drawn(5_000, 8, 4, 0.3, block=(1,), min_blocks=0)
    assert float(masks.float().mean()) == pytest.approx(0.7, abs=0.01)
    assert masks.float().mean(dim=(0, 1)).std() < 0.02  # no place is special


def test_at_rate_zero_everything_is_kept():
    assert drawn(3, 8, 4, 0.0, min_blocks=2).all()


def test_same_seed_same_masks_and_views_differ():
    assert torch.equal(drawn(64, 16, 8, 0.3, 5), drawn(64, 16, 8, 0.3, 5))
    generator = torch.Generator().manual_seed(5)
    one, other = (draw_masks(torch.ones(64, 1, 16, 8), MaskSettings(), 0.3, generator) for _ in range(2))
    assert float((one != other).flatten(1).any(dim=1).float().mean()) > 0.95


def test_each_image_draws_one_of_the_sizes():
    masks = drawn(400, 16, 8, 0.05, block=(3, 7), min_blocks=1)
    sizes = (~masks).flatten(1).sum(dim=1)
    assert {9, 49} <= set(sizes.tolist())


def test_active_seeds_hit_what_responds():
    maps = torch.full((500, 2, 16, 8), 0.01)
    maps[:, :, 4:7, 2:5] = 5.0
    masks = drawn(500, 16, 8, 0.1, maps=maps, seeds="active")
    hit = (~masks[:, 0, 4:7, 2:5]).flatten(1).any(dim=1).float().mean()
    assert hit > 0.9
    assert hit > 1.5 * (~drawn(500, 16, 8, 0.1)[:, 0, 4:7, 2:5]).flatten(1).any(dim=1).float().mean()


def test_dropout_drops_numbers_by_themselves():
    masks = drawn(64, 8, 4, 0.3, maps=torch.ones(64, 16, 8, 4), kind="dropout")
    assert masks.shape == (64, 16, 8, 4)
    assert float(masks.float().mean()) == pytest.approx(0.7, abs=0.01)
    assert (masks[:, 0] != masks[:, 1]).any()


def test_the_rate_rises_over_the_ramp_and_stays():
    chosen = MaskSettings(share=0.4, ramp=0.5)
    assert [chosen.rate(progress) for progress in (0, 0.25, 0.5, 1)] == pytest.approx([0, 0.2, 0.4, 0.4])
    assert MaskSettings(share=0.4, ramp=0).rate(0) == 0.4


def test_masks_that_make_no_sense_are_refused():
    check_map(MaskSettings(), 8, 4)
    with pytest.raises(
        SettingsError,
        match="5 x 5 does not fit a map of 8 x 4 cells, or hides all of it; use at most 4",
    ):
        check_map(MaskSettings(block=(3, 5)), 8, 4)
    with pytest.raises(SettingsError, match="a strip of 8 rows hides the whole map"):
        check_map(MaskSettings(kind="strip", block=(8,)), 8, 4)
    with pytest.raises(SettingsError, match="of 7 x 7 cells, or hides all of it; use at most 6"):
        check_map(MaskSettings(block=7), 7, 7)
    with pytest.raises(SettingsError, match="would hide the whole map, which has one row"):
        check_map(MaskSettings(kind="strip", block=1), 1, 4)
    with pytest.raises(SettingsError, match="feature map has one cell"):
        check_map(MaskSettings(), 1, 1)
    for case in ({"share": 1.0}, {"share": -0.1}, {"block": ()}, {"block": (0,)}):
        with pytest.raises(ValidationError):
            MaskSettings(**case)
    with pytest.raises(ValidationError, match="dropout has no blocks"):
        MaskSettings(kind="dropout", seeds="active")
