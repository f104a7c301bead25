"""What every store of embeddings must do, as a pytest class that a store's own tests can inherit.

    from reseen.testing import StoreConformance

    class TestFileStore(StoreConformance):
        def address(self, folder):
            return f"jsonfile://{folder}/gallery.json"

Galleries, search and deletion rest on these properties. Everything is compared with exact search in memory. Needs
pytest, which is not installed with reseen.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from reseen.errors import GalleryError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Entry, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.store import Store, open_store
from reseen.gallery.stores.in_memory import MemoryStore

_MODEL = ModelIdentity("f" * 64, 8, "cluster-contrast", "resnet18", 64, 32, "/runs/a")
_COUNT = 60
_ROUNDING = 2e-6
"""Largest difference of two similarities that are the same."""


def sample_entries(count: int, seed: int = 0, source: str = "/crops") -> Entries:
    """Entries with all metadata, and every fifth with nothing but a name; vectors of 8 numbers."""
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((count, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    entries = [
        Entry(source, f"c{number % 3}/{number:05d}.jpg")
        if number % 5 == 4
        else Entry(
            source,
            f"c{number % 3}/{number:05d}.jpg",
            b"\xff\xd8 picture %d" % number,
            f"c{number % 3}",
            1000.0 + number,
            number // 4,
            number // 6 - 1,
        )
        for number in range(count)
    ]
    return Entries(entries, vectors)


_FILTERS = (
    EVERYTHING,
    Filter(cameras=("c1",)),
    Filter(not_cameras=("c0", "c1")),
    Filter(cameras=()),
    Filter(keys=()),
    Filter(keys=tuple(entry.key for entry in sample_entries(4).entries)),
    Filter(after=1010.0, before=1020.0),
    Filter(before=1010.0),
    Filter(clusters=(-1, 3)),
    Filter(tracklets=(0, 3)),
    Filter(sources=("/other",), images=("c0/00003.jpg",)),
)


class StoreConformance:
    """Tests of one kind of store; implement `address` in a subclass whose name begins with `Test`."""

    persistent: ClassVar[bool] = True
    """Whether entries are there again after the store was closed."""

    def address(self, folder: Path) -> str:
        """The address of a store that does not exist yet; `folder` is an empty one that it may use."""
        raise NotImplementedError

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        """The address that a test uses."""
        return self.address(tmp_path)

    @pytest.fixture
    def store(self, place: str) -> Iterator[Store]:
        """An empty store."""
        with open_store(place, _MODEL, create=True) as opened:
            yield opened

    @pytest.fixture
    def filled(self, store: Store) -> tuple[Store, Store]:
        """A store and the exact one in memory, with the same entries of two sources."""
        exact = MemoryStore(_MODEL)
        for target in (store, exact):
            target.add(sample_entries(_COUNT))
            target.add(sample_entries(20, seed=5, source="/other"))
        return store, exact

    def test_every_filter_finds_what_is_found_in_memory(self, filled: tuple[Store, Store]) -> None:
        """Search and scan, under each condition of a filter."""
        store, exact = filled
        query = sample_entries(1, seed=3).vectors[0] * 3  # of any length
        for where in _FILTERS:
            _same_hits(store.search(query, 100, where), exact.search(query, 100, where))
            _same_hits(store.search(query, 7, where), exact.search(query, 7, where))
            assert _contents(store, where) == _contents(exact, where), where

    def test_a_known_key_replaces_the_old_entry(self, filled: tuple[Store, Store]) -> None:
        """Added again, an entry has its new metadata; of two in one call the last counts."""
        store, exact = filled
        changed = sample_entries(5, seed=9)
        entries = [replace(entry, cluster=77, camera=None, thumbnail=b"") for entry in changed.entries]
        for target in (store, exact):
            target.add(Entries(entries, changed.vectors))
            target.add(Entries([entries[0], replace(entries[0], cluster=5)], changed.vectors[:2]))
        assert _contents(store) == _contents(exact)

    def test_names_are_kept_as_they_are(self, store: Store) -> None:
        """Paths in any script, with quotes and line breaks, and times to the last bit."""
        names = [
            "人物/写真 1.jpg",
            "a'b\"c\\d{e},f;--.jpg",
            "shard.tar::p/1.jpg",
            "NULL",
            "  x  ",
            "tab\tline\n.jpg",
        ]
        entries = [
            Entry(f"/{name}", name, bytes(range(256)), name, 1.6e9 + place / 7, 2**40, -1)
            for place, name in enumerate(names)
        ]
        store.add(Entries(entries, sample_entries(len(names)).vectors))
        assert {entry.key: entry for entry in entries} == {
            key: entry for key, (entry, _) in _contents(store).items()
        }
        for name, entry in zip(names, entries, strict=True):
            hits = store.search(sample_entries(1).vectors[0], 3, Filter(images=(name,)))
            assert [hit.entry for hit in hits] == [entry]

    def test_deleted_entries_are_gone_and_others_stay(self, filled: tuple[Store, Store]) -> None:
        """Deleting returns how many; a second time there is nothing to delete."""
        store, exact = filled
        for where in (Filter(clusters=(0,), after=1003.0), Filter(cameras=()), Filter(sources=("/other",))):
            assert store.delete(where) == exact.delete(where)
            assert store.delete(where) == 0
            assert _contents(store) == _contents(exact)
        assert store.delete(EVERYTHING) == exact.describe().count
        assert (store.describe().count, list(store.scan())) == (0, [])
        store.add(sample_entries(3))
        assert store.describe().count == 3

    def test_it_describes_what_is_there(self, filled: tuple[Store, Store]) -> None:
        """Counts, cameras, sources, first and last time, and the model."""
        store, exact = filled
        description, wanted = store.describe(), exact.describe()
        assert replace(description, address="", engine="") == replace(wanted, address="", engine="")
        assert description.engine

    def test_what_cannot_be_stored_or_searched_is_refused(self, store: Store) -> None:
        """Another dimension, a query without direction, no entry asked for, a name that is no text."""
        vectors = np.eye(2, 9, dtype=np.float32)
        with pytest.raises(GalleryError):
            store.add(Entries(sample_entries(2).entries, vectors))
        with pytest.raises(GalleryError):
            store.search(vectors[0], 3)
        for bad in (np.nan, np.inf, 0.0):
            with pytest.raises(GalleryError):
                store.search(np.full(8, bad, np.float32), 3)
        with pytest.raises(GalleryError):
            store.search(sample_entries(1).vectors[0], 0)
        with pytest.raises(GalleryError):
            store.add(Entries([Entry("/crops", "a\udcff.jpg")], sample_entries(1).vectors))
        assert store.describe().count == 0

    def test_another_time_the_same_is_there(self, place: str) -> None:
        """Closed and opened again; a second close does nothing, and the model is known."""
        if not self.persistent:
            pytest.skip("its entries are gone when it is closed")
        exact = MemoryStore(_MODEL)
        exact.add(sample_entries(_COUNT))
        with open_store(place, _MODEL, create=True) as store:
            store.add(sample_entries(_COUNT))
        store.close()
        for model, create in ((None, False), (_MODEL, True), (replace(_MODEL, run="/moved/a"), False)):
            with open_store(place, model, create) as again:
                assert _contents(again) == _contents(exact)
                assert again.describe().model == _MODEL

    def test_it_stays_known_whether_vectors_are_of_mirrored_crops(self, place: str) -> None:
        """A store keeps that its vectors are means of crops and their mirror images, however it is opened later."""
        mirrored = replace(_MODEL, mirrored=True)
        with open_store(place, mirrored, create=True) as store:
            store.add(sample_entries(3))
            assert store.describe().model == mirrored
        if not self.persistent:
            return
        for model, create in ((None, False), (mirrored, False), (_MODEL, False), (_MODEL, True)):
            with open_store(place, model, create) as again:
                assert again.describe().model == mirrored

    def test_there_must_be_a_gallery_and_it_must_be_of_the_model(self, place: str) -> None:
        """Without `create` a missing one is an error; vectors of other weights are refused."""
        if not self.persistent:
            pytest.skip("it is always a new one")
        with pytest.raises(GalleryError):
            open_store(place, _MODEL)
        open_store(place, _MODEL, create=True).close()
        with pytest.raises(GalleryError) as refused:
            open_store(place, replace(_MODEL, fingerprint="0" * 64, run="/runs/b"), create=True)
        assert "/runs/a" in str(refused.value)
        assert "/runs/b" in str(refused.value)


def _contents(store: Store, where: Filter = EVERYTHING) -> dict[str, tuple[Entry, bytes]]:
    """Entry and bytes of the vector by key; each entry is met once, in batches of at most 7."""
    found: dict[str, tuple[Entry, bytes]] = {}
    for part in store.scan(where, 7):
        assert 0 < len(part) <= 7
        for entry, vector in zip(part.entries, part.vectors, strict=True):
            assert entry.key not in found
            found[entry.key] = entry, np.asarray(vector, np.float32).tobytes()
    return found


def _same_hits(found: list[Hit], wanted: list[Hit]) -> None:
    """The same similarities, and the same entries but for those equally similar to the last."""
    assert len({hit.entry.key for hit in found}) == len(found) == len(wanted)
    np.testing.assert_allclose(
        [hit.similarity for hit in found], [hit.similarity for hit in wanted], rtol=0, atol=_ROUNDING
    )
    known = {hit.entry.key: hit for hit in wanted}
    for hit in found:
        if hit.entry.key in known:
            assert hit.entry == known[hit.entry.key].entry
        else:
            assert abs(hit.similarity - wanted[-1].similarity) < _ROUNDING
