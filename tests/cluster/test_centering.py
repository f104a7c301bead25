import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reseen.cluster import center_cameras
from reseen.records import Features


def unit_rows(count, dimension=8, seed=0):
    vectors = torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(vectors, dim=1)


def slowly(vectors, cameras, raw=False):
    """Row by row from the definition, in plain Python."""
    rows = vectors.double().tolist()
    overall = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    result = []
    for row, camera in zip(rows, cameras, strict=True):
        mates = [other for other, its in zip(rows, cameras, strict=True) if its == camera]
        center = [
            (sum(values) + 16 * mean) / (len(mates) + 16)
            for values, mean in zip(zip(*mates, strict=True), overall, strict=True)
        ]
        moved = [value - middle for value, middle in zip(row, center, strict=True)]
        length = 1 if raw else sum(value * value for value in moved) ** 0.5
        result.append([value / length for value in moved])
    return torch.tensor(result)


@given(count=st.integers(2, 40), cameras=st.integers(1, 5), seed=st.integers(0, 99))
def test_rows_are_those_of_the_slow_loop(count, cameras, seed):
    vectors = unit_rows(count, seed=seed)
    who = np.random.default_rng(seed).integers(-1, cameras - 1, count)
    found = center_cameras(Features(vectors), who).vectors
    assert torch.allclose(found, slowly(vectors, who.tolist()).float(), atol=1e-5)


@given(count=st.integers(2, 40), cameras=st.integers(1, 5), seed=st.integers(0, 99))
def test_raw_vectors_keep_their_length(count, cameras, seed):
    vectors = 3 * torch.randn(count, 8, generator=torch.Generator().manual_seed(seed))
    who = np.random.default_rng(seed).integers(-1, cameras - 1, count)
    found = center_cameras(Features(vectors, raw=True), who)
    assert found.raw
    assert torch.allclose(found.vectors, slowly(vectors, who.tolist(), raw=True).float(), atol=1e-4)


def test_people_seen_by_two_cameras_come_together():
    people, offset = unit_rows(40, 32), unit_rows(2, 32, seed=1)
    views = torch.cat([people + 2 * offset[0], people + 2 * offset[1]])
    features = Features(torch.nn.functional.normalize(views, dim=1))
    cameras = np.repeat([0, 1], 40)
    truth = torch.arange(40)

    def found(vectors):
        return float(((vectors[:40] @ vectors[40:].T).argmax(dim=1) == truth).float().mean())

    before = features.vectors @ features.vectors.T
    after = center_cameras(features, cameras).vectors
    nearest_before = before.fill_diagonal_(-2).argmax(dim=1)
    assert float((cameras[nearest_before] == cameras).mean()) > 0.9  # a camera's crops keep to themselves
    nearest_after = (after @ after.T).fill_diagonal_(-2).argmax(dim=1)
    assert float((cameras[nearest_after] != cameras).mean()) > 0.9
    assert found(after) == 1.0


def test_camera_numbers_are_names_only():
    vectors, cameras = unit_rows(30), np.arange(30) % 3
    renamed = np.array([7, -1, 2])[cameras]
    one, other = (center_cameras(Features(vectors), its).vectors for its in (cameras, renamed))
    assert torch.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_rows_to_say_anything_are_left_alone(count):
    features = Features(unit_rows(3)[:count])
    assert torch.equal(center_cameras(features, np.zeros(count, np.int64)).vectors, features.vectors)


def test_copies_of_one_crop_stay_where_they_are():
    features = Features(unit_rows(1).repeat(6, 1))
    found = center_cameras(features, np.zeros(6, np.int64)).vectors
    assert torch.allclose(found, features.vectors, atol=1e-6)


def test_a_lone_crop_of_a_camera_is_hardly_moved():
    vectors = unit_rows(100)
    cameras = np.zeros(100, np.int64)
    cameras[0] = 1
    found = center_cameras(Features(vectors), cameras).vectors
    away_from_all = torch.nn.functional.normalize(vectors[0] - vectors.mean(dim=0), dim=0)
    assert float(found[0] @ away_from_all) > 0.999


def test_a_camera_is_needed_for_every_row():
    with pytest.raises(ValueError, match="3 feature rows but 2 cameras"):
        center_cameras(Features(unit_rows(3)), np.zeros(2, np.int64))
