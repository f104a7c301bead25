import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.camera_means import CameraCenters, CameraMeans, camera_centers

NAMES = ("a", "b", "c", "d")


def drawn(seed, count=40, cameras=4, tracklets=False):
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(count, 5)) + 1
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    of_crops = generator.integers(-1, cameras, count)
    return vectors, of_crops, generator.integers(-1, 6, count) if tracklets else None


def name(camera):
    return None if camera < 0 else NAMES[camera]


def slow(vectors, cameras, tracklets):
    """Mean and sightings of each camera, one crop after another."""
    found = {}
    for row, camera in enumerate(cameras.tolist()):
        rows, seen = found.setdefault(name(camera), ([], set()))
        rows.append(vectors[row].astype(np.float64))
        tracklet = -1 if tracklets is None else int(tracklets[row])
        seen.add(("crop", row) if tracklet < 0 else ("tracklet", tracklet))
    return {camera: (np.mean(rows, axis=0), len(seen)) for camera, (rows, seen) in found.items()}


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), tracklets=st.booleans())
def test_means_and_sightings_equal_a_slow_loop(seed, tracklets):
    vectors, cameras, of_tracklets = drawn(seed, tracklets=tracklets)
    means = CameraMeans.measure(vectors, cameras, NAMES, of_tracklets)
    expected = slow(vectors, cameras, of_tracklets)
    assert set(means.cameras) == set(expected)
    for camera, mean, sightings in zip(means.cameras, means.means, means.sightings, strict=True):
        np.testing.assert_allclose(mean, expected[camera][0], atol=1e-12)
        assert sightings == expected[camera][1]


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), pooled=st.booleans())
def test_centers_equal_a_slow_rule(seed, pooled):
    vectors, cameras, _ = drawn(seed, 200, 3)
    gallery = CameraMeans.measure(vectors, cameras, NAMES)
    pool_vectors, pool_cameras, _ = drawn(seed + 1, 60, 2)
    pool = CameraMeans.measure(pool_vectors, pool_cameras, NAMES) if pooled else None
    centers = camera_centers(gallery, pool, prior=10)
    assert isinstance(centers, CameraCenters)

    def mean_of_all(found):
        return sum(mean * count for mean, count in found.values()) / sum(count for _, count in found.values())

    own = slow(vectors, cameras, None)
    other, before = mean_of_all(own), {}
    if pooled:
        known = slow(pool_vectors, pool_cameras, None)
        pool_mean = mean_of_all(known)
        before = {c: (m * n + 10 * pool_mean) / (n + 10) for c, (m, n) in known.items() if c is not None}
        other = (other * 200 + 10 * pool_mean) / 210
    np.testing.assert_allclose(centers.other, other, atol=1e-12)
    for camera, (mean, count) in own.items():
        if camera is not None:
            wanted = (mean * count + 10 * before.get(camera, other)) / (count + 10)
            np.testing.assert_allclose(centers.by_camera[camera], wanted, atol=1e-12)
    found = centers.center(vectors, [name(camera) for camera in cameras])
    for row, camera in enumerate(cameras.tolist()):
        moved = vectors[row] - centers.by_camera.get(name(camera), centers.other)
        np.testing.assert_allclose(found[row], moved / np.linalg.norm(moved), atol=1e-6)


def test_a_camera_with_two_crops_keeps_to_what_training_knew():
    vectors, _, _ = drawn(0, 100)
    pool = CameraMeans.measure(vectors, np.zeros(100, np.int64), NAMES)
    few = CameraMeans.measure(-vectors[:2], np.zeros(2, np.int64), NAMES)
    centers = camera_centers(few, pool)
    assert isinstance(centers, CameraCenters)
    trained = pool.means[0]
    np.testing.assert_allclose(centers.by_camera["a"], (2 * few.means[0] + 64 * trained) / 66, atol=1e-12)


def test_an_unseen_camera_takes_its_own_mean_beside_seen_ones():
    vectors, _, _ = drawn(0, 300)
    cameras = np.repeat([0, 1], 150)
    pool = CameraMeans.measure(vectors[:150], cameras[:150], NAMES)
    centers = camera_centers(CameraMeans.measure(vectors, cameras, NAMES), pool)
    assert isinstance(centers, CameraCenters)
    assert set(centers.by_camera) == {"a", "b"}
    unknown = centers.center(vectors[:1], ["never seen"])
    np.testing.assert_array_equal(unknown, centers.center(vectors[:1], [None]))


@pytest.mark.parametrize(
    ("count", "cameras", "said"),
    [
        (300, [-1], "no camera of the gallery is known"),
        (300, [0], "300 sightings under 1 camera that training did not see are too few"),
        (127, [0, 1], "127 sightings under 2 cameras that training did not see are too few"),
        (128, [0, 1], None),
        (300, [-1, 0, 1], None),
    ],
)
def test_too_little_to_tell_a_camera_from_its_people(count, cameras, said):
    vectors, _, _ = drawn(1, count)
    of_crops = np.resize(cameras, count)
    found = camera_centers(CameraMeans.measure(vectors, of_crops, NAMES))
    assert isinstance(found, CameraCenters) if said is None else str(found).startswith(said)


def test_a_few_long_tracklets_are_few():
    vectors, cameras, _ = drawn(2, 1000, 2)
    of_three = np.arange(1000) % 3
    assert isinstance(camera_centers(CameraMeans.measure(vectors, np.abs(cameras), NAMES, of_three)), str)


def test_a_pool_of_another_encoder_or_of_other_cameras_is_no_prior():
    vectors, cameras, _ = drawn(3, 300, 2)
    gallery = CameraMeans.measure(vectors, cameras, NAMES)
    alone = camera_centers(gallery)
    assert isinstance(alone, CameraCenters)
    for pool in (
        CameraMeans.measure(vectors[:, :3] * 0.5, np.abs(cameras), NAMES),
        CameraMeans.measure(vectors, np.abs(cameras), ("x", "y")),
    ):
        found = camera_centers(gallery, pool)
        assert isinstance(found, CameraCenters)
        np.testing.assert_array_equal(found.other, alone.other)


def test_a_vector_at_its_center_is_left_unchanged():
    vector = np.array([[1, 0, 0]], np.float32)
    centers = CameraCenters({"a": np.array([1.0, 0, 0])}, np.zeros(3))
    np.testing.assert_array_equal(centers.center(vector, ["a"]), vector)
    assert centers.center(vector[:0], []).shape == (0, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"cameras": ("a",)},
        {"cameras": ("a", "a")},
        {"means": np.full((2, 3), np.nan)},
        {"means": np.full((2, 3), 2.0)},
        {"sightings": np.array([0, 1])},
        {"crops": np.array([1, 1])},
    ],
)
def test_means_that_cannot_be_are_refused(change):
    good = {
        "cameras": ("a", None),
        "means": np.zeros((2, 3)),
        "crops": np.array([2, 2]),
        "sightings": np.array([2, 1]),
    }
    CameraMeans(**good)
    with pytest.raises(ValueError, match=r"camera|means"):
        CameraMeans(**good | change)
