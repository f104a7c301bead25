"""What is kept of frozen stages is what was written, and features from it have the bits of features without."""

import numpy as np
import pytest
import torch

import reseen
from reseen.data.crops import open_crops
from reseen.data.settings import DataSettings
from reseen.features.extract import extract
from reseen.features.frozen_maps import FrozenMaps
from reseen.models import Encoder, ModelSettings
from reseen.models.arithmetic import Arithmetic
from reseen.models.frozen_stages import frozen_grid, fuse_frozen


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("last", [True, False])
def test_what_is_written_is_read_in_its_type_and_memory_order(tmp_path, dtype, last):
    maps = torch.randn(2, 6, 5, 4, 3).to(dtype)  # views, rows, channels, cells
    if last:
        maps = torch.stack([view.contiguous(memory_format=torch.channels_last) for view in maps])
    store = FrozenMaps.open_if_possible(range(10, 16), 2, 1.0, tmp_path)
    assert store is not None
    halves = torch.arange(10, 13), torch.arange(13, 16)
    for view in range(2):
        written = maps[view].contiguous(
            memory_format=torch.channels_last if last else torch.contiguous_format
        )
        store.write(halves[0], view, written[:3])
        assert store.holds(halves[0]) == (view == 1)
    assert not store.holds(torch.arange(12, 14))
    for view, found in enumerate(store.read(torch.tensor([12, 10]))):
        assert torch.equal(found, maps[view][[2, 0]])
        assert found.dtype == dtype
        assert found.is_contiguous(memory_format=torch.channels_last) == last


def test_one_view_of_each_row_is_read_in_any_order_and_more_than_once(tmp_path):
    maps = torch.randn(3, 5, 4, 2, 2)  # views, rows, channels, cells
    store = FrozenMaps.open_if_possible(range(10, 15), 3, 1.0, tmp_path)
    assert store is not None
    assert not store.has_room
    for view in range(3):
        store.write(torch.arange(10, 15), view, maps[view])
    assert store.has_room
    rows, views = torch.tensor([14, 10, 14, 12]), torch.tensor([0, 2, 1, 2])
    assert torch.equal(store.read_views(rows, views), maps[views, rows - 10])


def test_nothing_is_kept_above_the_limit_or_without_one(tmp_path):
    assert FrozenMaps.open_if_possible(range(4), 1, 0.0, tmp_path) is None
    assert FrozenMaps.open_if_possible(range(0), 1, 1.0, tmp_path) is None
    store = FrozenMaps.open_if_possible(range(4), 1, 1e-8, tmp_path)
    assert store is not None
    store.write(torch.arange(4), 0, torch.ones(4, 8))
    assert not store.holds(torch.arange(4))
    assert not store.has_room
    with pytest.raises(LookupError, match="not kept"):
        store.read_views(torch.arange(4), torch.zeros(4, dtype=torch.int64))
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
def test_features_have_the_bits_of_features_without(crowd, tmp_path, fused, mirrored):
    settings = ModelSettings(backbone="test_resnet", weights="none", frozen_stages=2, norm_group=None)
    encoders = []
    for arithmetic in (Arithmetic(), Arithmetic(fused=fused)):
        torch.manual_seed(0)
        encoder = Encoder(settings, 64, 32, arithmetic=arithmetic)
        encoders.append(encoder.to(memory_format=torch.channels_last))
    crops = open_crops(reseen.read_training(crowd), DataSettings(), 64, 32, progress=False)
    plain = extract(encoders[0], crops, torch.device("cpu"), mirrored=mirrored).numpy
    assert fuse_frozen(encoder) == fused
    assert frozen_grid(encoder) is not None
    store = FrozenMaps.open_if_possible(range(len(crops)), 2 if mirrored else 1, 1.0, tmp_path)
    without = extract(encoder, crops, torch.device("cpu"), mirrored=mirrored).numpy
    for _ in range(2):  # written, then read
        found = extract(encoder, crops, torch.device("cpu"), mirrored=mirrored, kept=store).numpy
        assert np.array_equal(found, without)
    assert store.holds(torch.arange(len(crops)))
    np.testing.assert_allclose(without, plain, atol=1e-5)
    if not fused:
        assert np.array_equal(without, plain)
