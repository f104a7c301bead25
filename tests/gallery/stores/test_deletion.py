"""What is deleted leaves no byte behind: the gallery's files are read whole and searched."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.gallery.conftest import draw

from reseen.errors import StorageError
from reseen.gallery.entries import Entries
from reseen.gallery.filter import Filter
from reseen.gallery.stores import edge as edge_module
from reseen.gallery.stores import edge_shard
from reseen.gallery.stores.edge import EdgeStore
from reseen.gallery.stores.payload import to_payload
from reseen.gallery.stores.postgresql import PostgresqlStore


def marked(count, start=0, seed=0):
    """Entries whose every value can be recognized in a file: random names, cameras and thumbnails."""
    given = draw(count, seed=seed, start=start)
    generator = np.random.default_rng([seed, start, 1])
    entries = [
        replace(
            entry,
            image=f"person/{generator.bytes(12).hex()}.jpg",
            camera=f"camera-{generator.bytes(8).hex()}",
            thumbnail=generator.bytes(400),
            time=float(generator.random() * 1e9),
        )
        for entry in given.entries
    ]
    return Entries(entries, given.vectors)


def traces(entry, vector):
    """Runs of bytes by which an entry could be recognized, in the forms in which stores keep them."""
    text = to_payload(entry)["thumbnail"]
    middle = len(text) // 2
    return [
        entry.image.encode(),
        entry.image[7:31].encode(),
        entry.camera.encode(),
        entry.thumbnail[100:132],
        text[middle : middle + 40].encode(),
        vector.astype(np.float32).tobytes(),
        vector.astype(np.float32).tobytes()[:12],
        np.float64(entry.time).tobytes(),
        entry.key.encode(),
    ]


def written(path):
    """The bytes of a file without its holes, which take no room and hold nothing."""
    found, place, end = [], 0, path.stat().st_size
    with path.open("rb") as file:
        while place < end:
            try:
                place = os.lseek(file.fileno(), place, os.SEEK_DATA)
            except OSError:  # only a hole is left
                break
            hole = os.lseek(file.fileno(), place, os.SEEK_HOLE)
            file.seek(place)
            found.append(file.read(hole - place))
            place = hole
    return b"".join(found)


def files_with(folder, *gone):
    """Names of files below a folder in which there is a trace of an entry."""
    contents = {str(path): written(path) for path in sorted(Path(folder).rglob("*")) if path.is_file()}
    return [
        f"{name}: {trace[:16]!r}"
        for name, content in contents.items()
        for entry, vector in gone
        for trace in traces(entry, vector)
        if trace in content
    ]


@pytest.fixture
def small_segments(monkeypatch):
    """Graphs from 200 entries on, so that a few hundred have all that a million have."""
    monkeypatch.setattr(edge_shard, "SEGMENT", 200)
    monkeypatch.setattr(edge_module, "SEGMENT", 200)
    monkeypatch.setattr(edge_shard, "_FULL_SCAN", 20)


@pytest.fixture
def gallery(small_segments, quick_folder, model):
    """An open gallery of segments with graphs and one without."""
    with EdgeStore(quick_folder / "gallery", model, create=True) as store:
        for start in range(0, 650, 50):
            store.add(marked(50, start))
        info = store._shard.info()
        assert info.segments_count >= 3
        assert 400 <= info.indexed_vectors_count < info.points_count == 650
        yield store, quick_folder / "gallery"


def test_the_search_for_traces_finds_those_of_entries_that_are_there(gallery):
    _, folder = gallery
    for number in (3, 640):  # with a graph, and without
        given = marked(50, number // 50 * 50)
        assert len(files_with(folder, (given.entries[number % 50], given.vectors[number % 50]))) >= 3


def test_no_byte_of_a_deleted_entry_is_left(gallery):
    store, folder = gallery
    gone = []
    for number in (3, 77, 449, 610, 649):  # in the first graph, in the last, and in none
        given = marked(50, number // 50 * 50)
        gone.append((given.entries[number % 50], given.vectors[number % 50]))
    keys = tuple(entry.key for entry, _ in gone)
    assert store.delete(Filter(keys=keys)) == len(gone)
    assert files_with(folder, *gone) == []
    assert not (folder / "cleaning").exists()
    assert store.describe().count == 645
    store.close()
    assert files_with(folder, *gone) == []


@pytest.mark.parametrize("first", [3, 610])
def test_what_an_entry_was_before_it_was_replaced_goes_with_it(gallery, first):
    store, folder = gallery
    given = marked(50, first // 50 * 50)
    old, vector = given.entries[first % 50], given.vectors[first % 50]
    later = marked(2, start=9_000)
    versions = [replace(other, source=old.source, image=old.image) for other in later.entries]
    for version, turned in zip(versions, later.vectors, strict=True):
        store.add(Entries([version], turned[None]))
    assert store.delete(Filter(images=(old.image,))) == 1
    assert files_with(folder, *zip([old, *versions], [vector, *later.vectors], strict=True)) == []


def test_everything_can_be_deleted(gallery):
    store, folder = gallery
    assert store.delete(Filter()) == 650
    given = marked(50, 600)
    assert files_with(folder, *zip(given.entries, given.vectors, strict=True)) == []
    store.add(marked(5))
    assert store.describe().count == 5


def test_a_deletion_that_was_cut_short_is_ended_when_the_gallery_is_opened(gallery, model, monkeypatch):
    store, folder = gallery
    given = marked(50)

    def killed(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(EdgeStore, "_clean", killed)
        with pytest.raises(KeyboardInterrupt):
            store.delete(Filter(keys=(given.entries[3].key,)))
    store.close()
    assert files_with(folder, (given.entries[3], given.vectors[3]))  # not yet
    with EdgeStore(folder, model) as opened:
        assert files_with(folder, (given.entries[3], given.vectors[3])) == []
        assert opened.describe().count == 649


def test_nothing_is_deleted_where_there_is_no_room_to_rewrite(gallery, monkeypatch):
    store, _ = gallery
    usage = shutil.disk_usage("/")._replace(free=1_000)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda path: usage)
        with pytest.raises(StorageError, match=r"rewriting the files.*free some space"):
            store.delete(Filter(clusters=(3,)))
    assert store.describe().count == 650
    assert store.delete(Filter(clusters=(3,))) > 0


def test_postgresql_rewrites_its_table_without_what_is_deleted(postgresql, model):
    address, folder = postgresql
    given = marked(60, seed=77)  # other tests share the server
    with PostgresqlStore(f"{address}&table=forgetful", model, create=True) as store:
        store.add(given)
        store._connection.run("CHECKPOINT")
        entry, vector = given.entries[7], given.vectors[7]
        assert files_with(folder / "base", (entry, vector))
        assert store.delete(Filter(keys=(entry.key,))) == 1
        store._connection.run("CHECKPOINT")  # the server removes the old files at its next one
        assert files_with(folder / "base", (entry, vector)) == []
        assert store.describe().count == 59
