"""Tracklets of a gallery stay apart, however the tables that they come from number them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reseen.data.table import ImageTable
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.gallery.tracklet_numbers import renumber_tracklets

ROOT = Path("/crops")


def table_of(tracklets, crops=2):
    """A table of some tracklets, numbered from 0 in the order of their names, as every reader does."""
    names = sorted(set(tracklets))
    paths = [f"{name}/{crop}.jpg" for name in names for crop in range(crops)]
    numbers = np.repeat(np.arange(len(names)), crops)
    return ImageTable(ROOT, tuple(paths), np.full(len(paths), -1), (), numbers)


def empty_store():
    return MemoryStore(ModelIdentity("f" * 64, 4, "cluster-contrast", "resnet18", 64, 32, "/runs/a"))


def add(store, table):
    """Index a table, as far as tracklets go."""
    renumbered = renumber_tracklets(store, table)
    entries = [
        Entry(str(ROOT), image, tracklet=number)
        for image, number in zip(renumbered.texts, renumbered.tracklets.tolist(), strict=True)
    ]
    store.add(Entries(entries, np.eye(4, dtype=np.float32)[[0] * len(entries)]))
    return renumbered


def numbers_of(store):
    """Tracklet number of each path."""
    return {entry.image: entry.tracklet for batch in store.scan() for entry in batch.entries}


@given(st.lists(st.sets(st.integers(10, 30), min_size=1), min_size=1, max_size=5))
def test_a_number_is_one_tracklet_and_is_kept(tables):
    store, before = empty_store(), {}
    for names in tables:
        add(store, table_of([str(name) for name in names]))
        after = numbers_of(store)
        assert {path: after[path] for path in before} == before
        before = after
    by_name = {(path.split("/")[0], number) for path, number in before.items()}
    assert len(by_name) == len({name for name, _ in by_name}) == len({number for _, number in by_name})


def test_an_empty_gallery_takes_the_numbers_of_the_table():
    table = table_of(["a", "b"])
    assert renumber_tracklets(empty_store(), table) is table
    store = empty_store()
    add(store, table)
    assert renumber_tracklets(store, table) is table


def test_another_manifest_of_the_folder_gets_numbers_of_its_own():
    store = empty_store()
    add(store, table_of(["a", "b"]))
    added = add(store, table_of(["c", "d", "e"]))
    assert added.tracklets.tolist() == [3, 3, 4, 4, 2, 2]


def test_a_tracklet_that_a_tracker_divided_keeps_its_number_where_most_crops_are():
    store = empty_store()
    add(store, table_of(["a", "b"], crops=3))
    divided = replace(table_of(["a", "b"], crops=3), tracklets=np.array([0, 1, 1, 2, 2, 2]))
    assert renumber_tracklets(store, divided).tracklets.tolist() == [3, 0, 0, 1, 1, 1]


def test_unknown_tracklets_and_other_sources_have_no_part():
    store = empty_store()
    add(store, table_of(["a", "b"]))
    table = replace(table_of(["c"]), root=Path("/elsewhere"))
    assert renumber_tracklets(store, table) is table
    unknown = replace(table_of(["c"]), tracklets=np.array([-1, 0]))
    assert renumber_tracklets(store, unknown).tracklets.tolist() == [-1, 2]
    assert renumber_tracklets(store, replace(table_of(["c"]), tracklets=None)).tracklets is None
