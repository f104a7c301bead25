import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.geometry import unit
from reseen.neighbors import nearest
from reseen.neighbors.out_of_core import Scratch, SearchSettings, mapped_search, nearest_mapped, tiles
from reseen.neighbors.out_of_core import inverted_lists_on_disk as lists
from reseen.records import Features

EXACT = SearchSettings(mode="exact")
APPROXIMATE = SearchSettings(mode="approximate", probes=3)


def random_features(n, d, seed, copies=0):
    vectors = unit(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)))
    vectors[:copies] = vectors[0]
    return Features(vectors)


def found(features, k, folder, settings=EXACT, room=10**6, key="a"):
    return nearest_mapped(features, k, Scratch(folder), settings, room, key)


@pytest.fixture
def small(monkeypatch):
    """A grid of tiny tiles and shards, so that few rows make many of them."""
    for module in (tiles, lists, mapped_search):
        monkeypatch.setattr(module, "SHARD", 16)
        monkeypatch.setattr(module, "TILE", 4)
    monkeypatch.setattr(mapped_search, "_MOST_QUERIES", 8)
    monkeypatch.setattr(mapped_search, "LEAST_QUERIES", 8)


@settings(max_examples=15)
@given(n=st.integers(1, 70), d=st.integers(2, 20), k=st.integers(1, 20), seed=st.integers(0, 999))
def test_shard_by_shard_equals_one_exact_search(tmp_path_factory, n, d, k, seed):
    features = random_features(n, d, seed)
    with pytest.MonkeyPatch.context() as patch:
        for module in (tiles, mapped_search):
            patch.setattr(module, "SHARD", 16)
            patch.setattr(module, "TILE", 4)
        patch.setattr(mapped_search, "_MOST_QUERIES", 8)
        ours = found(features, k, tmp_path_factory.mktemp("s"))
    dense = ((features.numpy[:, None].astype(np.float64) - features.numpy[None]) ** 2).sum(-1)
    np.testing.assert_allclose(ours.distances, np.sort(dense, 1)[:, :k], atol=2e-6)
    np.testing.assert_allclose(ours.distances, np.take_along_axis(dense, ours.indices, 1), atol=2e-6)
    np.testing.assert_array_equal(ours.indices[:, 0], np.arange(n))
    whole = nearest(features, k)
    gaps = np.abs(np.diff(np.sort(dense, 1)[:, : k + 1], axis=1, append=9, prepend=-9))
    clear = (np.minimum(gaps[:, 1:], gaps[:, :-1]) > 4e-6)[:, : whole.indices.shape[1]]
    np.testing.assert_array_equal(ours.indices[clear], whole.indices[clear])


def test_of_equal_rows_the_smaller_ones_are_kept_in_order(small, tmp_path):
    features = random_features(60, 8, 0, copies=40)
    ours = found(features, 6, tmp_path)
    assert ours.indices[20].tolist() == [20, 0, 1, 2, 3, 4]
    assert ours.indices[2].tolist() == [2, 0, 1, 3, 4, 5]


def test_memory_changes_no_bit_of_an_exact_search(tmp_path):
    features = random_features(3000, 16, 1)
    one = found(features, 10, tmp_path / "little", room=0)
    other = found(features, 10, tmp_path / "much", room=10**9)
    np.testing.assert_array_equal(one.indices, other.indices)
    np.testing.assert_array_equal(one.distances, other.distances)


def test_memory_changes_an_approximate_search_by_rounding_alone(tmp_path):
    features = random_features(3000, 16, 1)
    one = found(features, 10, tmp_path / "little", APPROXIMATE, room=0)
    other = found(features, 10, tmp_path / "much", APPROXIMATE, room=10**9)
    np.testing.assert_allclose(one.distances, other.distances, atol=1e-6)
    assert (one.indices == other.indices).mean() > 0.999


def test_all_lists_find_what_an_exact_search_finds(small, tmp_path):
    features = random_features(200, 16, 2)
    every = SearchSettings(mode="approximate", probes=lists.list_count(200))
    ours, exact = found(features, 10, tmp_path / "a", every), found(features, 10, tmp_path / "e")
    np.testing.assert_array_equal(ours.indices, exact.indices)
    np.testing.assert_allclose(ours.distances, exact.distances, atol=1e-6)


def test_some_lists_find_most_and_never_too_few(small, tmp_path):
    generator = np.random.default_rng(0)
    centers = np.repeat(generator.normal(size=(40, 16)), 10, axis=0)
    rows = centers + 0.2 * generator.normal(size=centers.shape)
    features = Features(unit(torch.from_numpy(rows.astype(np.float32))))
    ours, exact = found(features, 8, tmp_path / "a", APPROXIMATE), found(features, 8, tmp_path / "e")
    common = [
        len(set(a) & set(b)) / 8 for a, b in zip(ours.indices.tolist(), exact.indices.tolist(), strict=True)
    ]
    assert np.mean(common) > 0.95
    one = found(features, 30, tmp_path / "o", SearchSettings(mode="approximate", probes=1))
    assert (one.indices >= 0).all()  # a list of ten is too short for thirty neighbors
    assert all(len(set(row)) == 30 for row in one.indices.tolist())


@pytest.mark.parametrize("mode", [EXACT, APPROXIMATE])
def test_stopped_work_goes_on_with_the_same_result(small, tmp_path, monkeypatch, mode):
    features = random_features(100, 8, 3)
    whole = found(features, 5, tmp_path / "whole", mode)
    ordered, blocks = mapped_search._self_first, []

    def stop_at_the_fourth(*arguments):
        blocks.append(len(arguments[0]))
        if len(blocks) == 4:
            raise KeyboardInterrupt
        return ordered(*arguments)

    monkeypatch.setattr(mapped_search, "_self_first", stop_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        found(features, 5, tmp_path / "stopped", mode)
    blocks.clear()
    monkeypatch.setattr(
        mapped_search,
        "_self_first",
        lambda *arguments: blocks.append(len(arguments[0])) or ordered(*arguments),
    )
    again = found(features, 5, tmp_path / "stopped", mode)
    assert sum(blocks) == 100 - 24
    np.testing.assert_array_equal(again.indices, whole.indices)
    np.testing.assert_array_equal(again.distances, whole.distances)
    blocks.clear()
    found(features, 5, tmp_path / "stopped", mode)
    assert blocks == []
    found(features, 5, tmp_path / "stopped", mode, key="b")
    assert sum(blocks) == 100


@pytest.mark.parametrize("mode", [EXACT, APPROXIMATE])
def test_progress_adds_up(small, tmp_path, mode):
    done = []
    nearest_mapped(random_features(70, 8, 4), 5, Scratch(tmp_path), mode, 0, "a", done.append)
    assert sum(done) == mode.work(70)


def test_who_is_approximate():
    assert not SearchSettings().approximates(mapped_search.EXACT_UP_TO)
    assert SearchSettings().approximates(mapped_search.EXACT_UP_TO + 1)
    assert "every pair of 10 rows" in SearchSettings().describe(10)
    assert "4,000 inverted lists on disk, of which each row probes 64" in SearchSettings().describe(1_000_000)


@pytest.mark.parametrize("settings", [EXACT, APPROXIMATE])
def test_with_one_neighbor_every_row_has_itself(tmp_path, settings):
    ours = found(random_features(30, 5, 0), 1, tmp_path, settings)
    assert ours.indices.tolist() == [[row] for row in range(30)]
    np.testing.assert_allclose(ours.distances, 0, atol=1e-6)
