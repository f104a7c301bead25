"""Search with cameras centered: plain vectors are stored, and what is subtracted follows the gallery."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gallery.conftest import draw

import reseen
from reseen.camera_means import CameraCenters, CameraMeans, camera_centers
from reseen.errors import GalleryError, SettingsError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.camera_search import CameraSearch, measure_cameras
from reseen.gallery.entries import Entries
from reseen.gallery.filter import Filter
from reseen.gallery.gallery import Gallery
from reseen.gallery.index import index_run
from reseen.gallery.removal import Removal, remove
from reseen.gallery.side_files import CAMERA_MEANS, side_file
from reseen.gallery.stores.in_memory import MemoryStore

NAMES = ("c0", "c1", "c2")
MODEL = ModelIdentity("f" * 64, 8, "cluster-contrast", "resnet18", 64, 32, "/runs/a")


def store_of(*entries):
    store = MemoryStore(MODEL)
    for part in entries:
        store.add(part)
    return store


def slow_means(entries):
    """Mean, crops and sightings of each camera, from lists."""
    found = {}
    for entry, row in zip(entries.entries, entries.vectors, strict=True):
        rows, seen = found.setdefault(entry.camera, ([], set()))
        rows.append(row.astype(np.float64))
        seen.add(entry.key if entry.tracklet is None else (entry.source, entry.tracklet))
    return {camera: (np.mean(rows, axis=0), len(rows), len(seen)) for camera, (rows, seen) in found.items()}


@settings(max_examples=20)
@given(seed=st.integers(0, 100))
def test_the_means_of_a_store_equal_a_slow_loop(seed):
    entries = draw(60, seed=seed)
    means, expected = measure_cameras(store_of(entries)), slow_means(entries)
    assert set(means.cameras) == set(expected)
    for camera, mean, crops, sightings in zip(
        means.cameras, means.means, means.crops, means.sightings, strict=True
    ):
        np.testing.assert_allclose(mean, expected[camera][0], atol=1e-6)
        assert (crops, sightings) == expected[camera][1:]


@settings(max_examples=20)
@given(seed=st.integers(0, 100), camera=st.sampled_from([*NAMES, None]), pooled=st.booleans())
def test_the_order_is_that_of_all_centered_vectors_and_similarities_stay_plain(
    seed, camera, pooled, tmp_path_factory
):
    entries = draw(400, seed=seed)
    store = store_of(entries)
    other = draw(90, seed=seed + 1)
    pool = CameraMeans.measure(other.vectors, np.arange(90) % 3, NAMES) if pooled else None
    query = 3 * draw(1, seed=seed + 2).vectors[0]
    centers = camera_centers(measure_cameras(store), pool)
    assert isinstance(centers, CameraCenters)
    cameras = [entry.camera for entry in entries.entries]
    unit_query = query / np.linalg.norm(query)
    centered = centers.center(entries.vectors, cameras) @ centers.center(unit_query[None], [camera])[0]
    address = str(tmp_path_factory.mktemp("gallery"))
    found = CameraSearch(store, address, pool).search(query, camera, 10)
    keys = {entry.key: row for row, entry in enumerate(entries.entries)}
    rows = [keys[hit.entry.key] for hit in found]
    np.testing.assert_allclose(centered[rows], np.sort(centered)[::-1][:10], atol=1e-5)
    np.testing.assert_allclose(
        [hit.similarity for hit in found], entries.vectors[rows] @ unit_query, atol=1e-5
    )
    few = CameraSearch(store, address, pool).search(query, camera, 3, Filter(cameras=("c1",)))
    assert {hit.entry.camera for hit in few} == {"c1"}


def test_the_means_follow_what_is_added_and_deleted(tmp_path):
    address = str(tmp_path / "gallery")
    store = store_of(draw(200))
    search = CameraSearch(store, address, None)
    first = search.means()
    file = side_file(address, CAMERA_MEANS)
    before = file.read_bytes()
    assert search.means().cameras == first.cameras
    assert file.read_bytes() == before  # read, not measured again
    store.add(draw(50, start=200))
    assert int(search.means().crops.sum()) == 250
    keys = tuple(entry.key for entry in draw(250).entries[:30])
    sources = tuple((entry.source, entry.image) for entry in draw(250).entries[:30])
    remove(store, address, Removal("image", keys, sources))
    assert not file.exists()  # nothing is left of what is deleted
    left = measure_cameras(store)
    found = search.means()
    assert int(found.crops.sum()) == 220
    np.testing.assert_allclose(found.means, left.means, atol=1e-6)


def test_a_damaged_file_of_means_is_made_again(tmp_path):
    address = str(tmp_path / "gallery")
    search = CameraSearch(store_of(draw(200)), address, None)
    first = search.means()
    side_file(address, CAMERA_MEANS).write_bytes(b"no means")
    np.testing.assert_allclose(search.means().means, first.means, atol=1e-6)


@pytest.mark.parametrize("count", [0, 50])
def test_too_little_to_tell_a_camera_is_said(tmp_path, count):
    entries = draw(count) if count else Entries([], np.zeros((0, 8), np.float32))
    search = CameraSearch(store_of(entries), str(tmp_path / "gallery"), None)
    with pytest.raises(GalleryError, match=r"cameras cannot be centered: .*; search without"):
        search.search(draw(1).vectors[0], None, 5)


def test_a_camera_that_nobody_knows_is_refused_by_name(tmp_path):
    search = CameraSearch(store_of(draw(400)), str(tmp_path / "gallery"), None)
    with pytest.raises(SettingsError, match=r"camera c7: not in this gallery .* which know c0, c1, c2"):
        search.search(draw(1).vectors[0], "c7", 5)
    with pytest.raises(GalleryError, match="zero or not finite"):
        search.search(np.zeros(8, np.float32), None, 5)


def test_a_gallery_searches_with_the_means_of_its_run(recipe_of, crowd, tmp_path):
    run = reseen.train(recipe_of("cluster-contrast"), crowd, tmp_path / "run", quiet=True)
    address = str(tmp_path / "gallery")
    index_run(run, crowd, address, quiet=True)
    with reseen.open_gallery(address, run) as gallery:
        stored = next(iter(gallery.store.scan()))
        vector, entry = stored.vectors[7], stored.entries[7]
        found = gallery.search(vector, 5, center_cameras=True, camera=entry.camera)
        assert found[0].entry.key == entry.key
        assert found[0].similarity == pytest.approx(1, abs=1e-5)
        with pytest.raises(SettingsError, match="has no effect unless cameras are centered"):
            gallery.search(vector, 5, camera=entry.camera)
        with pytest.raises(SettingsError, match="choose one"):
            gallery.search(vector, 5, center_cameras=True, rerank=True)
        off = replace(run, recipe=run.recipe.model_copy(update={"cameras": False}))
        with pytest.raises(GalleryError, match="trained with cameras switched off"):
            Gallery(gallery.store, off, gallery.encoder).search(vector, 5, center_cameras=True)
