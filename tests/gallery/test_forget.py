import numpy as np
import pytest
from tests.gallery.conftest import draw

from reseen.data import pixel_cache as cache
from reseen.errors import GalleryError, SettingsError, StorageError
from reseen.gallery.deletion_log import deleted_keys, deletion_log_file, read_deletion_log
from reseen.gallery.filter import Filter
from reseen.gallery.forget import forget
from reseen.gallery.gallery import Gallery
from reseen.gallery.stores.in_memory import MemoryStore


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    """Cache folders that other tests recorded are not looked at."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def gallery(model, tmp_path):
    store = MemoryStore(model)
    store.add(draw(60))
    made = Gallery(store)
    made.address = str(tmp_path / "gallery")
    return made


@pytest.fixture
def cached(tmp_path):
    """Decoded pixels of the crops, of crops in a folder below, and of other crops."""
    for name, root in (("ours", "/crops"), ("below", "/crops/c1"), ("other", "/elsewhere")):
        cache.create_entry(
            cache.cache_folder(tmp_path),
            name,
            lambda place, root=root: (
                np.save(place / cache.PIXELS_FILE, np.zeros(3)),
                {"root": root, "images": 3, "height": 64, "width": 32, "problems": {}},
            )[1],
        )
    return tmp_path


def test_a_dry_run_changes_nothing(gallery, cached):
    found = forget(gallery, Filter(clusters=(2,)), "cluster", dry_run=True, cache_dir=cached)
    assert {entry.cluster for entry in found.entries} == {2}
    assert {folder.name for folder in found.cached} == {"ours", "below"}
    assert gallery.store.describe().count == 60
    assert not deletion_log_file(gallery.address).exists()
    assert len(cache.entries(cache.cache_folder(cached))) == 3


def test_what_is_forgotten_is_gone_and_noted_without_a_picture_or_path(gallery, cached):
    before = forget(gallery, Filter(clusters=(2,)), "cluster", dry_run=True, cache_dir=cached)
    found = forget(gallery, Filter(clusters=(2,)), "cluster", dry_run=False, cache_dir=cached)
    assert [entry.image for entry in found.entries] == [entry.image for entry in before.entries]
    assert all(entry.thumbnail == b"" for entry in found.entries)
    assert not list(gallery.store.scan(Filter(clusters=(2,))))
    assert [entry.folder.name for entry in cache.entries(cache.cache_folder(cached))] == ["other"]
    assert [line.verified for line in read_deletion_log(gallery.address)] == [False, True]
    assert deleted_keys(gallery.address) == {entry.key for entry in before.entries}
    text = found.deletion_log.read_text()
    assert ".jpg" not in text
    assert "picture" not in text


def test_everything_at_once_is_refused(gallery):
    with pytest.raises(GalleryError, match="delete the gallery itself"):
        forget(gallery, Filter(), "image", dry_run=False)


def test_nothing_found_is_no_forgetting(gallery):
    assert forget(gallery, Filter(images=("none.jpg",)), "image", dry_run=False).entries == ()
    assert not deletion_log_file(gallery.address).exists()


def test_a_store_that_keeps_entries_is_found_out(gallery, monkeypatch, tmp_path):
    monkeypatch.setattr(MemoryStore, "delete", lambda self, where: 1)
    with pytest.raises(GalleryError, match="still there after forgetting: 5 of 5 entries"):
        forget(gallery, Filter(clusters=(2,)), "cluster", dry_run=False, cache_dir=tmp_path)
    assert [line.verified for line in read_deletion_log(gallery.address)] == [False]


def test_a_damaged_ledger_is_an_error_and_a_line_cut_short_is_not(gallery, cached):
    forget(gallery, Filter(clusters=(2,)), "cluster", dry_run=False, cache_dir=cached)
    file = deletion_log_file(gallery.address)
    text = file.read_text()
    file.write_text(text + '{"time": "2026')
    assert len(read_deletion_log(gallery.address)) == 2
    file.write_text("x\n" + text)
    with pytest.raises(GalleryError, match=r"line 1: damaged"):
        read_deletion_log(gallery.address)


def test_retention_by_camera_and_time_keeps_crops_without_a_time(gallery, cached):
    old = Filter(cameras=("c1",), before=1030.0)
    wanted = {entry.key for part in gallery.store.scan(old) for entry in part.entries}
    undated = sum(entry.camera is None for part in gallery.store.scan() for entry in part.entries)
    found = forget(gallery, old, "filter", dry_run=False, cache_dir=cached)
    assert {entry.key for entry in found.entries} == wanted
    assert (found.still_similar, found.undated) == (None, 0), "crops of no camera are not of c1"
    assert not list(gallery.store.scan(old))
    assert read_deletion_log(gallery.address)[-1].by == "filter"
    assert forget(gallery, Filter(before=2000.0), "filter", dry_run=True).undated == undated > 0


def test_a_date_is_refused_where_times_do_not_count_from_1970(gallery):
    with pytest.raises(SettingsError, match="do not count from 1970"):
        forget(gallery, Filter(before="2026-05-01"), "filter", dry_run=True)


def test_what_is_still_similar_is_told_apart_from_what_was_removed(gallery, cached):
    vectors = {
        e.key: v for part in gallery.store.scan() for e, v in zip(part.entries, part.vectors, strict=True)
    }
    gone = [entry.key for part in gallery.store.scan(Filter(clusters=(2,))) for entry in part.entries]
    others = np.stack([vector for key, vector in vectors.items() if key not in gone])
    wanted = int(((others @ np.stack([vectors[key] for key in gone]).T).max(axis=1) >= 0.6).sum())
    for dry_run in (True, False):
        found = forget(
            gallery, Filter(clusters=(2,)), "cluster", dry_run=dry_run, cache_dir=cached, threshold=0.6
        )
        assert (found.still_similar, found.threshold) == (wanted, 0.6)
    assert wanted > 0


def test_a_ledger_that_is_a_link_is_neither_written_nor_taken_for_none(gallery, cached, tmp_path):
    """What was forgotten would be taken in again, or another file would grow."""
    precious, file = tmp_path / "precious", deletion_log_file(gallery.address)
    precious.write_text("")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    for target in (precious, tmp_path / "nowhere"):
        file.symlink_to(target)
        for ask in (
            lambda: forget(gallery, Filter(clusters=(1,)), "cluster", dry_run=False),
            lambda: read_deletion_log(gallery.address),
        ):
            with pytest.raises(StorageError, match="it is a link"):
                ask()
        file.unlink()
    assert precious.read_text() == ""
