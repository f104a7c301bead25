"""A process that adds, renames and deletes entries beside another one that does the same: for test_many_writers."""

from dataclasses import replace

import numpy as np
from tests.gallery.stores.adder import MODEL

from reseen.gallery.entries import Entries, Entry
from reseen.gallery.filter import Filter
from reseen.gallery.store import open_store, replace_entries

TURNS = 8
SIZE = 30
DELETED = 4
"""Of the batch of every turn, the first ones."""


def batch(writer, turn, cluster=0):
    """Entries of one writer, or of both for `shared`."""
    generator = np.random.default_rng(turn)
    vectors = generator.standard_normal((SIZE, MODEL.dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    entries = [
        Entry(
            "/crops",
            f"{writer}-{turn}-{place}.jpg",
            b"jpeg" * 20,
            f"c{place % 3}",
            float(turn),
            cluster=cluster,
        )
        for place in range(SIZE)
    ]
    return Entries(entries, vectors)


def keys(entries):
    return tuple(entry.key for entry in entries.entries)


def reordered(entries, seed):
    order = np.random.default_rng(seed).permutation(len(entries))
    return Entries([entries.entries[row] for row in order], entries.vectors[order])


def write(address, writer, start):
    """All turns of writer 0 or 1. Its clusters are 10 x turn plus its number, so that a row shows who wrote it."""
    start.wait()
    with open_store(address, MODEL, create=True) as store:
        for turn in range(TURNS):
            mark = 10 * turn + writer
            store.add(batch(writer, turn, mark))
            store.add(reordered(batch("shared", turn, mark), mark))
            theirs = batch(1 - writer, turn, 1000 + mark)  # there or not yet, or deleted already
            replace_entries(store, reordered(theirs, mark))
            store.delete(Filter(keys=keys(batch(writer, turn))[:DELETED]))
            found = [
                entry for part in store.scan(Filter(keys=keys(batch(writer, turn)))) for entry in part.entries
            ]
            renamed = [replace(entry, cluster=2000 + mark) for entry in found]
            known = {entry.key: row for row, entry in enumerate(batch(writer, turn).entries)}
            rows = [known[entry.key] for entry in renamed]
            replace_entries(store, Entries(renamed, batch(writer, turn).vectors[rows]))
            assert len(found) == SIZE - DELETED
