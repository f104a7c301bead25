"""Adds batches to a gallery until it is killed, and says after each that it was kept: for test_durability."""

from pathlib import Path

import numpy as np

from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.stores import edge, edge_shard

MODEL = ModelIdentity("f" * 64, 8, "cluster-contrast", "resnet18", 64, 32, "/runs/a")
BATCH = 20


def batch(number):
    """Twenty new entries, and after the first batch five that replace some of the one before."""
    generator = np.random.default_rng(number)
    vectors = generator.standard_normal((BATCH + 5, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"{number}-{place}.jpg" for place in range(BATCH)] + [
        f"{number - 1}-{place}.jpg" for place in range(5)
    ]
    entries = [
        Entry("/crops", name, b"picture " * 30, f"c{number % 3}", float(number), cluster=number)
        for name in names
    ]
    count = BATCH + (5 if number else 0)
    return Entries(entries[:count], vectors[:count])


def add_for_ever(folder, said, first):
    """Graphs come from 100 entries on, so that some are killed while one is built; what is kept is said in a file."""
    edge.SEGMENT = edge_shard.SEGMENT = 100
    edge_shard._FULL_SCAN = 10
    store = edge.EdgeStore(Path(folder), MODEL, create=True)
    with Path(said).open("a", encoding="ascii") as file:
        print("open", file=file, flush=True)
        for number in range(first, 100_000):
            store.add(batch(number))
            print(number, file=file, flush=True)
