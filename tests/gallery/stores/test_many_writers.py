"""Two processes write to one gallery at once: nothing is lost, nothing is doubled, and what was deleted stays so."""

import multiprocessing
import os

import numpy as np
import pytest
from tests.gallery.stores import writer
from tests.gallery.stores.conftest import MODEL, new_place
from tests.limits import HANG_SECONDS

from reseen.errors import GalleryError
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.filter import Filter
from reseen.gallery.store import open_store, replace_entries

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
]


@pytest.fixture(params=["postgresql", "served", "qdrant-server"])
def address(request, quick_folder):
    """The address of a gallery that several processes may open."""
    if request.param == "qdrant-server":
        server = os.environ.get("RESEEN_TEST_QDRANT")
        if not server:
            pytest.skip("no Qdrant server here; give one as RESEEN_TEST_QDRANT=qdrant://host:6333")
        yield f"{server.rstrip('/')}/writers-{os.getpid()}"
        return
    place = new_place(request, quick_folder)
    if request.param == "served":
        with place.open(MODEL, create=True):
            yield place.address
    else:
        yield place.address


def test_two_processes_add_rename_and_delete_at_once(address):
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([writer.__name__])
    start = processes.Barrier(2)
    running = [processes.Process(target=writer.write, args=(address, number, start)) for number in (0, 1)]
    for process in running:
        process.start()
    for process in running:
        process.join(HANG_SECONDS)
        assert process.exitcode == 0
    with open_store(address, MODEL) as store:
        found = {}
        for part in store.scan():
            for entry, vector in zip(part.entries, part.vectors, strict=True):
                assert entry.key not in found
                found[entry.key] = entry, vector
        described = store.describe()
    wanted = {}
    for turn in range(writer.TURNS):
        for owner, first in ((0, writer.DELETED), (1, writer.DELETED), ("shared", 0)):
            made = writer.batch(owner, turn)
            for entry, vector in zip(made.entries[first:], made.vectors[first:], strict=True):
                wanted[entry.key] = entry, vector, owner, turn
    assert found.keys() == wanted.keys()
    assert described.count == len(wanted)
    for key, (entry, vector, owner, turn) in wanted.items():
        known, row = found[key]
        marks = {10 * turn, 10 * turn + 1}
        if owner != "shared":  # renamed by its owner, and perhaps by the other after that
            marks = {2000 + 10 * turn + owner, 1000 + 10 * turn + 1 - owner}
        assert known.cluster in marks
        assert (known.image, known.thumbnail, known.camera) == (entry.image, entry.thumbnail, entry.camera)
        np.testing.assert_allclose(row, vector, atol=1e-6)


def entries(*names, cluster=0):
    return Entries(
        [Entry("/crops", name, cluster=cluster) for name in names],
        np.eye(len(names), MODEL.dimension, dtype=np.float32),
    )


def test_what_was_deleted_meanwhile_is_not_added_by_a_change(place):
    with place.open(MODEL, create=True) as store:
        store.add(entries("a.jpg", "b.jpg"))
        store.delete(Filter(images=("a.jpg",)))
        replace_entries(store, entries("a.jpg", "b.jpg", "c.jpg", cluster=5))
        replace_entries(store, entries("d.jpg"))
        found = [entry for part in store.scan() for entry in part.entries]
    assert [(entry.image, entry.cluster) for entry in found] == [("b.jpg", 5)]


def test_a_change_of_another_dimension_is_refused(postgresql):
    with open_store(f"{postgresql[0]}&table=dimension", MODEL, create=True) as store:
        wrong = Entries([Entry("/crops", "a.jpg")], np.eye(1, MODEL.dimension + 1, dtype=np.float32))
        with pytest.raises(GalleryError, match="vectors of 8 numbers, got 9"):
            store.replace(wrong)
