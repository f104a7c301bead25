"""Drawn people: unit vectors near a direction of their own, in clusters and tracklets, under two cameras."""

import numpy as np
import pytest

from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.collection import read_collection, write_clusters
from reseen.gallery.edits.journal import Journal
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.people.people import People
from reseen.gallery.stores.in_memory import MemoryStore

DIMENSION = 16
PER_TRACKLET = 4
"""Crops of a drawn tracklet, one a second."""


def crops_of(who, count, start=0, cluster=None, source="/crops", tracklets=True):
    """Entries of drawn person `who`, from second `start` on, with vectors of mutual similarity 0.8 to 1."""
    generator = np.random.default_rng([who, start])
    vectors = np.eye(DIMENSION)[who] + 0.08 * generator.standard_normal((count, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    entries = [
        Entry(
            source,
            f"{who}/{start + number:04d}.jpg",
            b"",
            f"c{who % 2}",
            float(start + number),
            who * 1000 + (start + number) // PER_TRACKLET if tracklets else None,
            cluster,
        )
        for number in range(count)
    ]
    return Entries(entries, vectors.astype(np.float32))


class Album:
    """A gallery in memory with a journal in a file."""

    def __init__(self, file):
        model = ModelIdentity("f" * 64, DIMENSION, "cluster-contrast", "resnet18", 64, 32, "/runs/a")
        self.store, self.file = MemoryStore(model), file

    def add(self, *arguments, **options):
        """Add crops of a drawn person; returns their keys."""
        added = crops_of(*arguments, **options)
        self.store.add(added)
        return [entry.key for entry in added.entries]

    def recluster(self, clusters):
        """Give every key another cluster."""
        write_clusters(self.store, clusters)

    def people(self):
        """The people, as another process would read them."""
        return People(
            Journal(self.file),
            lambda: read_collection(self.store),
            lambda clusters: write_clusters(self.store, clusters),
        )


@pytest.fixture
def album(tmp_path):
    """An empty gallery."""
    return Album(tmp_path / "mends.jsonl")


@pytest.fixture
def three(album):
    """Three people of eight crops, each a cluster of its own, of whom people were made: 1, 2 and 3."""
    for who in range(3):
        album.add(who, 8, cluster=who)
    album.people().update()
    return album
