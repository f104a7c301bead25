"""Which store an address means, and that passwords stay secret."""

import builtins

import pytest

from reseen.errors import GalleryError
from reseen.gallery.store import open_store
from reseen.gallery.stores.address import parse_address
from reseen.gallery.stores.in_memory import MemoryStore

PATTERN = "kind://user:password@host/name"


def test_an_address_is_taken_apart():
    found = parse_address("postgresql://me:p%40ss@db.example:5433/people?table=march", PATTERN, ("table",))
    assert (found.user, found.password, found.host, found.port) == ("me", "p@ss", "db.example", 5433)
    assert (found.name, found.options) == ("people", {"table": "march"})
    assert found.redacted() == "postgresql://db.example:5433/people?table=march"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:secret@host:port/people",
        "postgresql://me:secret@host/",
        "postgresql://me:secret@host/a/b",
        "postgresql://me:secret@host/people?pasword=secret",
        "postgresql://me:secret@host/people?table=Robert'); DROP",
        "postgresql://me:secret@127.0.0.1:1/people",
        "qdrant+https://:secret@127.0.0.1:1/people",
        "qdrant://:secret@host/",
        "mysql://me:secret@host/people",
    ],
)
def test_an_address_that_leads_nowhere_is_an_error_without_its_password(address, model):
    with pytest.raises(GalleryError) as refused:
        open_store(address, model, create=True)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None or refused.value.__suppress_context__


def test_memory_is_always_new(model):
    assert isinstance(open_store("memory:", model, create=True), MemoryStore)
    with pytest.raises(GalleryError, match="always a new gallery"):
        open_store("memory:", model)


def test_a_new_gallery_needs_a_model(tmp_path):
    with pytest.raises(GalleryError, match="needs the model"):
        open_store(str(tmp_path / "gallery"), create=True)
    assert not (tmp_path / "gallery").exists()


@pytest.mark.parametrize(
    ("address", "package", "extra"),
    [
        ("qdrant://host/people", "qdrant_client", "qdrant"),
        ("postgresql://host/people", "pg8000", "postgresql"),
    ],
)
def test_a_missing_package_is_named_with_what_installs_it(address, package, extra, monkeypatch):
    imported = builtins.__import__

    def without(name, *arguments, **options):
        if name.split(".")[0] == package:
            raise ImportError(name)
        return imported(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(GalleryError, match=rf"pip install 'reseen\[{extra}\]'"):
        open_store(address)
