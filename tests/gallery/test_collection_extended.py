"""A collection that takes entries in is the one that a store with them gives."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gallery.conftest import draw
from tests.gallery.stores.conftest import MODEL

from reseen.gallery.collection import read_collection
from reseen.gallery.entries import Entries
from reseen.gallery.stores.in_memory import MemoryStore

rows = st.lists(st.integers(0, 11), max_size=8)


def some(numbers, seed, cluster):
    made = draw(12, seed=seed)
    entries = [replace(made.entries[number], cluster=cluster, camera=f"c{seed}") for number in numbers]
    return Entries(entries, made.vectors[np.array(numbers, dtype=np.int64)])


@settings(max_examples=40)
@given(first=rows, second=rows)
def test_it_is_what_the_store_holds(first, second):
    with MemoryStore(MODEL) as store:
        store.add(some(first, 0, 1))
        before = read_collection(store)
        kept = before.vectors.copy()
        store.add(some(second, 1, 2))
        found, wanted = before.extended(some(second, 1, 2)), read_collection(store)
    assert (found.entries, found.keys, found.camera_names) == (
        wanted.entries,
        wanted.keys,
        wanted.camera_names,
    )
    for name in ("vectors", "clusters", "cameras"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    np.testing.assert_array_equal(before.vectors, kept)  # a snapshot of before does not change
