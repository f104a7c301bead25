"""What a gallery in a folder refuses, survives, and allows to threads."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from tests.gallery.conftest import draw
from tests.gallery.stores.test_deletion import small_segments  # noqa: F401

from reseen import files
from reseen.errors import GalleryError, StorageError
from reseen.gallery.filter import Filter
from reseen.gallery.store import open_store
from reseen.gallery.stores.edge import EdgeStore, write_journal
from reseen.gallery.stores.edge_shard import engine_errors
from reseen.gallery.stores.in_memory import MemoryStore


@pytest.fixture
def folder(quick_folder, model):
    """A closed gallery of 30 entries."""
    with EdgeStore(quick_folder / "gallery", model, create=True) as store:
        store.add(draw(30))
    return quick_folder / "gallery"


def test_two_at_once_are_one_too_many(folder, model):
    with EdgeStore(folder, model) as store:
        with pytest.raises(GalleryError, match=r"another process \(ID \d+\) has this gallery open"):
            EdgeStore(folder, model)
        assert store.describe().count == 30
    with EdgeStore(folder, model) as store:
        assert store.describe().count == 30


HOLD = """
import fcntl, os, sys
file = open(sys.argv[1], "r+")
fcntl.flock(file, fcntl.LOCK_EX)
file.truncate(0)
print(os.getpid(), file=file, end="", flush=True)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_gallery_that_another_process_holds_is_refused_until_that_one_ends(folder, model):
    words = [sys.executable, "-c", HOLD, str(folder / "lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(GalleryError, match=rf"another process \(ID {holder.pid}\)"):
            EdgeStore(folder, model)
        holder.kill()
    with EdgeStore(folder, model) as store:
        assert store.describe().count == 30


def test_a_lock_that_is_a_link_is_not_followed(folder, model):
    precious = folder.parent / "precious"
    precious.write_text("12345")
    (folder / "lock").unlink()
    (folder / "lock").symlink_to(precious)
    with pytest.raises(StorageError, match="lock: cannot be written, it is a link"):
        EdgeStore(folder, model)
    assert precious.read_text() == "12345"


def tree(folder):
    """Every file with its content and time of change."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def check_search_alone(folder, model):
    """A gallery that cannot be written is searched as any other, by several at once, and nothing else."""
    before = tree(folder)
    with EdgeStore(folder, model) as store, EdgeStore(folder, model) as other:
        for opened in (store, other):
            assert opened.describe().count == 30
            assert str(folder) == opened.describe().address
        query = draw(1).vectors[0]
        wanted = MemoryStore(model)
        wanted.add(draw(30))
        expected = [hit.entry.key for hit in wanted.search(query, 5)]
        assert [hit.entry.key for hit in store.search(query, 5)] == expected
        for change in (lambda: store.add(draw(5, start=100)), lambda: store.delete(Filter(clusters=(1,)))):
            with pytest.raises(StorageError, match="this gallery cannot be written, only searched"):
                change()
    with pytest.raises(StorageError, match="cannot be written"):
        EdgeStore(folder, model, create=True)
    assert tree(folder) == before


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


def test_a_gallery_on_a_read_only_disk_is_searched(folder, model, temporary, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        place = disk / "gallery"
        shutil.copytree(folder, place)
        (place / "lock").unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        check_search_alone(place, model)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert list(temporary.iterdir()) == []


@pytest.fixture
def unwritable(folder, monkeypatch):
    """The folder, as another user's would be: root may write everywhere."""
    access = os.access
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: not (mode & os.W_OK and str(path) == str(folder)) and access(path, mode),
    )
    return folder


def test_a_gallery_that_cannot_be_written_is_searched(unwritable, model, temporary):
    folder = unwritable
    (folder / "lock").unlink()
    check_search_alone(folder, model)
    assert list(temporary.iterdir()) == []


def test_entries_that_were_being_replaced_are_found_where_nothing_can_be_written(
    unwritable, model, temporary
):
    folder = unwritable
    write_journal(folder / "journal", draw(1, start=200))
    with EdgeStore(folder, model) as store:
        assert store.describe().count == 31
    assert (folder / "journal").is_file()


def test_a_copy_left_by_a_killed_process_is_removed_and_one_without_room_refused(
    unwritable, model, temporary, monkeypatch
):
    with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
        ended.wait()
    left = temporary / f"reseen-gallery-{files.host_name()}-{ended.pid}-x"
    left.mkdir()
    usage = shutil.disk_usage("/")._replace(free=1_000)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda path: usage)
        with pytest.raises(
            StorageError, match=r"it is searched in a copy, which needs .* MB; .* has 0 MB free"
        ):
            EdgeStore(unwritable, model)
    assert list(temporary.iterdir()) == []


def test_a_folder_of_other_things_is_no_gallery(tmp_path, model):
    (tmp_path / "photo.jpg").write_bytes(b"x")
    for create in (True, False):
        with pytest.raises(GalleryError, match=r"other files \(photo.jpg, ...\) and is no gallery"):
            open_store(str(tmp_path), model, create)
    with pytest.raises(GalleryError, match="this is a file"):
        open_store(str(tmp_path / "photo.jpg"), model, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_gallery_that_was_begun_and_never_made_is_made(quick_folder, model):
    place = quick_folder / "gallery"
    (place / "data" / "segments").mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
        ended.wait()
    killed_at_the_card = place / f".gallery.json.{files.host_name()}-{ended.pid}.part"
    killed_at_the_card.write_text("{")
    with pytest.raises(GalleryError, match="creation of this gallery was never completed"):
        EdgeStore(place, model)
    with EdgeStore(place, model, create=True) as store:
        assert store.describe().count == 0
    assert not killed_at_the_card.exists()


@pytest.mark.parametrize(
    "card", ["", "[1]", '{"format": 1}', '{"format": 1, "engine": "qdrant-edge", "model": "{}"}', "\0\0"]
)
def test_a_damaged_card_is_named(folder, model, card):
    (folder / "gallery.json").write_text(card)
    with pytest.raises(GalleryError, match=r"read|another version"):
        EdgeStore(folder, model)


def test_a_gallery_of_a_later_reseen_is_left_alone(folder, model):
    card = json.loads((folder / "gallery.json").read_text())
    (folder / "gallery.json").write_text(json.dumps(card | {"format": 2}))
    with pytest.raises(GalleryError, match="format 2"):
        EdgeStore(folder, model)


@pytest.mark.parametrize(
    "name", ["edge_config.json", "segment.json", "config.json", "mutable_id_tracker.mappings"]
)
@pytest.mark.parametrize("damage", [b"", b"\xff" * 1000])
def test_damaged_files_are_an_error_and_no_crash(folder, model, name, damage):
    for path in (folder / "data").rglob(name):
        path.write_bytes(damage)
    with suppress(GalleryError), EdgeStore(folder, model) as store:  # some files the engine can do without
        list(store.scan())
        store.search(draw(1).vectors[0], 3)


def test_missing_files_are_named(folder, model):
    shutil.rmtree(folder / "data")
    with pytest.raises(GalleryError, match="files are missing"):
        EdgeStore(folder, model)


def test_with_no_room_left_nothing_is_written_and_the_gallery_opens_again(folder, model, monkeypatch):
    with EdgeStore(folder, model) as store:
        usage = shutil.disk_usage("/")._replace(free=1_000)
        with monkeypatch.context() as patched:
            patched.setattr(shutil, "disk_usage", lambda path: usage)
            with pytest.raises(StorageError, match=r"adding 5 entries needs .* MB and 0 MB are free"):
                store.add(draw(5, start=100))
        assert store.describe().count == 30
    with EdgeStore(folder, model) as store:
        store.add(draw(5, start=100))
        assert store.describe().count == 35


def test_a_disk_that_fills_up_is_an_error_and_what_was_kept_stays(tmp_path, model):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        kept = 0
        thumbnail = np.random.default_rng(0).bytes(200_000)
        with EdgeStore(disk / "gallery", model, create=True) as store:

            def fill():
                nonlocal kept
                for start in range(0, 100_000, 100):
                    given = draw(100, start=start)
                    heavy = [replace(entry, thumbnail=thumbnail) for entry in given.entries]
                    store.add(replace(given, entries=heavy))
                    kept = start + 100

            with pytest.raises(StorageError, match="free some space"):
                fill()
            assert store.describe().count == kept > 0
        with EdgeStore(disk / "gallery", model) as store:
            assert store.describe().count == kept
            assert len(store.search(draw(1).vectors[0], 5)) == 5
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_an_unwritable_card_is_a_storage_error(quick_folder, model, monkeypatch):
    def full(path, write):
        raise files.storage_error(path, OSError(errno.ENOSPC, "No space left on device"))

    with monkeypatch.context() as patched:
        patched.setattr(files, "write_atomically", full)
        with pytest.raises(StorageError, match="disk is full"):
            EdgeStore(quick_folder / "gallery", model, create=True)
    with EdgeStore(quick_folder / "gallery", model, create=True) as store:
        assert store.describe().count == 0


def test_eight_threads_search_while_one_adds_and_deletes(quick_folder, model, small_segments):  # noqa: F811
    exact = MemoryStore(model)
    exact.add(draw(300))
    query = draw(1, seed=8).vectors[0]
    wanted = [hit.entry.key for hit in exact.search(query, 10, Filter(sources=("/crops",)))]
    wrong, stop = [], threading.Event()

    def search(store):
        while not stop.is_set():
            try:
                found = [hit.entry.key for hit in store.search(query, 10, Filter(sources=("/crops",)))]
                if found != wanted:
                    wrong.append(found)
            except Exception as error:
                wrong.append(error)

    with EdgeStore(quick_folder / "gallery", model, create=True) as store:
        store.add(draw(300))
        searchers = [threading.Thread(target=search, args=(store,)) for _ in range(8)]
        for thread in searchers:
            thread.start()
        for start in range(0, 600, 60):
            store.add(draw(60, seed=1, start=start, source="/other"))
        store.delete(Filter(sources=("/other",), clusters=(3,)))
        stop.set()
        for thread in searchers:
            thread.join()
        assert not wrong
        assert store.describe().sources["/crops"] == 300


def test_graphs_find_what_an_exact_search_finds(quick_folder, small_segments):  # noqa: F811
    generator = np.random.default_rng(0)
    centers = generator.standard_normal((60, 32))
    rows = centers[generator.integers(0, 60, 3_000)] + 0.6 * generator.standard_normal((3_000, 32))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    from reseen.export.fingerprint import ModelIdentity

    model = ModelIdentity("e" * 64, 32, "sphere", "resnet18", 64, 32, "/runs/c")
    given = replace(draw(3_000), vectors=rows)
    exact = MemoryStore(model)
    exact.add(given)
    recalls = []
    with EdgeStore(quick_folder / "gallery", model, create=True) as store:
        for start in range(0, 3_000, 500):
            part = replace(
                given, entries=given.entries[start : start + 500], vectors=rows[start : start + 500]
            )
            store.add(part)
        assert store._shard.info().indexed_vectors_count > 2_000
        for where in (
            Filter(),
            Filter(cameras=("c0", "c1")),
            Filter(after=1500.0, before=2000.0),
            Filter(not_cameras=("c2",)),
        ):
            for query in rows[::150]:
                found = {hit.entry.key for hit in store.search(query, 20, where)}
                wanted = {hit.entry.key for hit in exact.search(query, 20, where)}
                recalls.append(len(found & wanted) / 20)
    assert np.mean(recalls) >= 0.99


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Failed to grow file: File too large (os error 27)", "the file-size limit of this process"),
        ("IO: No space left on device (os error 28)", "the disk is full"),
        ("IO: Disk quota exceeded (os error 122)", "the disk is full"),
        ("File too large", "the file-size limit of this process"),
        ("IO: Too many open files (os error 24)", "too many files are open"),
        ("IO: Permission denied (os error 13)", "cannot be written (Permission denied)"),
        ("IO: Read-only file system (os error 30)", "cannot be written (Read-only file system)"),
    ],
)
def test_what_the_system_says_is_not_taken_for_damage(tmp_path, said, told):
    with pytest.raises(StorageError) as error, engine_errors(tmp_path):
        raise Exception(said)
    assert told in str(error.value)


def test_anything_else_is_damage(tmp_path):
    for said in ("No such file or directory (os error 2)", "bad magic"):
        with pytest.raises(GalleryError, match="its files are damaged"), engine_errors(tmp_path):
            raise Exception(said)


FULL_FILE = """
import resource, sys
from reseen.errors import StorageError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.stores.edge import EdgeStore
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000_000, 10_000_000))
try:
    EdgeStore(sys.argv[1], ModelIdentity("f" * 64, 8, "m", "b", 64, 32, "/run"), create=True)
except StorageError as error:
    print(error)
"""


def test_a_limit_on_the_size_of_files_is_named(quick_folder):
    words = [sys.executable, "-c", FULL_FILE, str(quick_folder / "gallery")]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "larger than the file-size limit of this process" in said
    assert "ulimit -f" in said
