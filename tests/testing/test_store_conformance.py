"""Stores of the package pass the suite that outside stores can run."""

import pytest

from reseen.gallery.store import STORES, RegisteredStore
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.testing import StoreConformance


class TestMemoryStore(StoreConformance):
    persistent = False

    def address(self, folder):
        return "memory:"


class TestEdgeStore(StoreConformance):
    def address(self, folder):
        return str(folder / "gallery")


def test_a_store_that_breaks_a_promise_fails(monkeypatch):
    """The suite can fail: a store that forgets metadata is caught."""

    class Forgetful(MemoryStore):
        def scan(self, where, batch=1024):
            for part in super().scan(where, batch):
                yield type(part)(
                    [type(entry)(entry.source, entry.image) for entry in part.entries], part.vectors
                )

    monkeypatch.setitem(STORES, "memory", RegisteredStore(lambda _, model, __: Forgetful(model), "memory:"))
    suite = TestMemoryStore()
    with (
        next(StoreConformance.store.__wrapped__(suite, "memory:")) as store,
        pytest.raises(AssertionError),
    ):
        suite.test_names_are_kept_as_they_are(store)
