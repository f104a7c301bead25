import struct
import uuid

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from reseen.errors import StorageError
from reseen.gallery.collection import UNCLUSTERED
from reseen.viewer import maps
from reseen.viewer.layout_kernel import step
from reseen.viewer.maps import MAGIC, delete_projections, points_as_bytes, project
from reseen.viewer.neighbor_layout import neighbor_layout, project_to_principal_components


def test_bytes_are_read_back_by_hand():
    keys = [str(uuid.uuid4()) for _ in range(3)]
    places = np.array([[0, 1], [-1, 0.5], [0.25, -0.75]], np.float32)
    data = points_as_bytes(places, np.array([0, -1, 2]), np.array([5, -1, UNCLUSTERED]), keys)
    assert len(data) == 8 + 32 * 3
    assert struct.unpack_from("<4sI", data) == (MAGIC, 3)
    assert struct.unpack_from("<6f", data, 8) == (0, 1, -1, 0.5, 0.25, -0.75)
    assert struct.unpack_from("<3i", data, 32) == (0, -1, 2)
    assert struct.unpack_from("<3i", data, 44) == (5, -1, -2)
    assert [str(uuid.UUID(bytes=data[56 + 16 * row : 72 + 16 * row])) for row in range(3)] == keys


def test_no_points_are_a_header():
    empty = np.empty(0, np.int64)
    assert points_as_bytes(np.empty((0, 2), np.float32), empty, empty, []) == MAGIC + bytes(4)


def test_counts_must_agree():
    with pytest.raises(ValueError, match="1 coordinates, 0 cameras"):
        points_as_bytes(np.zeros((1, 2), np.float32), np.empty(0, np.int64), np.zeros(1, np.int64), ["a"])


def mixture(count, groups, dimension=32, spread=0.5, seed=0):
    """Unit rows around random centers, and the number of each row's center."""
    generator = np.random.default_rng(seed)
    label = generator.integers(0, groups, count)
    rows = generator.normal(size=(groups, dimension))[label] + spread * generator.normal(
        size=(count, dimension)
    )
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), label


def test_principal_components_are_those_of_a_full_decomposition():
    rows, _ = mixture(300, 5)
    expected = PCA(2, svd_solver="full").fit_transform(rows.astype(np.float64))
    found = project_to_principal_components(rows)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, expected * signs, atol=1e-5)


def test_principal_components_of_a_sample_are_near_those_of_all():
    rows, _ = mixture(4000, 3, spread=0.2)
    correlation = np.corrcoef(
        project_to_principal_components(rows, sample=500)[:, 0], project_to_principal_components(rows)[:, 0]
    )[0, 1]
    assert abs(correlation) > 0.99


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_principal_components_of_few_or_equal_rows_are_zero_where_nothing_varies(count):
    equal = np.ones((count, 3), np.float32)
    found = project_to_principal_components(equal)
    assert found.shape == (count, 2)
    np.testing.assert_allclose(found, 0, atol=1e-5)
    line = np.arange(count, dtype=np.float32)[:, None]
    one = project_to_principal_components(line)
    assert one.shape == (count, 1)
    np.testing.assert_allclose(one, line - (count - 1) / 2, atol=1e-5)


def test_principal_components_of_two_rows_are_their_difference():
    found = project_to_principal_components(np.array([[0, 0, 0], [0, 4, 0]], np.float32), components=3)
    np.testing.assert_allclose(found, [[-2, 0, 0], [2, 0, 0]], atol=1e-5)


def test_neighbors_are_kept_better_than_by_principal_components():
    rows, label = mixture(1500, 40)
    coordinates = neighbor_layout(rows)
    plain = trustworthiness(rows, project_to_principal_components(rows), n_neighbors=10)
    kept = trustworthiness(rows, coordinates, n_neighbors=10)
    assert kept > 0.97
    assert kept > plain + 0.1
    nearest = np.argsort(((coordinates[:, None] - coordinates[None]) ** 2).sum(-1), axis=1)[:, 1]
    assert (label[nearest] == label).mean() > 0.98


def test_long_vectors_are_searched_by_principal_components_and_still_keep_their_neighbors():
    rows, _ = mixture(800, 20, dimension=200)
    assert trustworthiness(rows, neighbor_layout(rows), n_neighbors=10) > 0.93


def test_same_seed_same_bits_whatever_the_threads():
    rows, _ = mixture(400, 10)
    one = neighbor_layout(rows, seed=3)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        np.testing.assert_array_equal(neighbor_layout(rows, seed=3), one)
    finally:
        torch.set_num_threads(threads)
    assert (neighbor_layout(rows, seed=4) != one).any()


@settings(max_examples=20)
@given(n=st.integers(3, 30), negatives=st.integers(1, 6), seed=st.integers(0, 999))
def test_a_step_equals_a_slow_one(n, negatives, seed):
    generator = np.random.default_rng(seed)
    before = generator.normal(size=(n, 2)).astype(np.float32)
    near = [np.flatnonzero(generator.random(n) < 0.3) for _ in range(n)]
    start = np.concatenate([[0], np.cumsum([len(row) for row in near])]).astype(np.int64)
    columns = np.concatenate([*near, np.empty(0, np.int64)]).astype(np.int32)
    after = np.empty_like(before)
    step(0, n, start, columns, negatives, np.float32(5), np.float32(0.5), np.uint64(seed), before, after)
    np.testing.assert_allclose(
        after, slow_step(before, near, negatives, 5.0, 0.5, seed), rtol=2e-4, atol=2e-4
    )


def slow_step(before, near, negatives, repulsion, rate, draw):
    """The same from the definition, in float64 and Python's unbounded integers."""
    coordinates, after = before.astype(np.float64), np.empty(before.shape)
    for i, place in enumerate(coordinates):
        pull = sum((coordinates[j] - place) / (1 + ((coordinates[j] - place) ** 2).sum()) for j in near[i])
        force = np.zeros(2) + pull / max(1, len(near[i]))
        for j in drawn(draw, i, negatives, len(coordinates)):
            away = place - coordinates[j]
            square = (away**2).sum()
            force += repulsion / negatives * away / ((1e-3 + square) * (1 + square))
        length = np.linalg.norm(force)
        after[i] = place + rate * force * min(1, 4 / length if length else 1)
    return after


def drawn(draw, row, count, n):
    """SplitMix64, seeded by draw and row."""
    golden, most = 0x9E3779B97F4A7C15, 2**64
    state = (draw + row * golden) % most
    for _ in range(count):
        state = (state + golden) % most
        mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % most
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % most
        yield (mixed ^ (mixed >> 31)) % n


@pytest.mark.parametrize("layout", ["neighbors", "principal"])
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 20])
def test_places_fill_a_square(layout, rows):
    coordinates = project(mixture(rows, 2)[0], layout)
    assert coordinates.shape == (rows, 2)
    assert coordinates.dtype == np.float32
    assert np.isfinite(coordinates).all()
    if rows > 1:
        assert np.abs(coordinates).max() == 1


@pytest.mark.parametrize("layout", ["neighbors", "principal"])
def test_copies_and_vectors_of_one_number_have_places(layout):
    assert np.isfinite(project(np.ones((40, 1), np.float32), layout)).all()
    copies = np.tile(mixture(1, 1, dimension=80)[0], (50, 1))
    assert np.isfinite(project(copies, layout)).all()


def test_places_are_kept_until_content_changes(tmp_path, monkeypatch):
    rows, _ = mixture(60, 3)
    keys = [str(number) for number in range(60)]
    first = project(rows, "principal", tmp_path / "kept", keys)
    (file,) = (tmp_path / "kept").iterdir()
    monkeypatch.setattr(maps, "project_to_principal_components", lambda rows: pytest.fail("made again"))
    np.testing.assert_array_equal(project(rows, "principal", tmp_path / "kept", keys), first)
    monkeypatch.undo()
    project(rows[1:], "principal", tmp_path / "kept", keys[1:])
    assert not file.exists()
    assert len(list((tmp_path / "kept").iterdir())) == 1


@pytest.mark.parametrize("damage", [b"", b"no array", "short"])
def test_a_damaged_file_is_made_again(tmp_path, damage):
    rows, _ = mixture(60, 3)
    first = project(rows, "principal", tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100] if damage == "short" else damage)
    np.testing.assert_array_equal(project(rows, "principal", tmp_path), first)


def test_a_place_that_cannot_be_written_costs_nothing_but_time(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert len(project(mixture(10, 2)[0], "principal", tmp_path / "file" / "kept")) == 10


def test_kept_places_can_be_forgotten(tmp_path):
    folder = tmp_path / "kept"
    project(mixture(10, 2)[0], "principal", folder)
    project(mixture(10, 2)[0], "neighbors", folder)
    (folder / "other").write_bytes(b"")
    delete_projections(folder)
    assert [path.name for path in folder.iterdir()] == ["other"]
    (folder / "other").unlink()
    delete_projections(folder)
    assert not folder.exists()
    delete_projections(folder)


def test_kept_places_that_stay_are_told(tmp_path):
    (tmp_path / "neighbors-0.npy").mkdir()
    with pytest.raises(StorageError, match="delete it manually"):
        delete_projections(tmp_path)


def test_progress_ends_at_one():
    shares = []
    project(mixture(100, 4)[0], "neighbors", progress=shares.append)
    assert shares[-1] == 1
    assert shares == sorted(shares)
