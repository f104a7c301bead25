"""Galleries of crops that were cut out of recordings, and of crops that are files and nothing else."""

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import fault, reseen_says
from tests.gallery.stores.conftest import MODEL

from reseen.gallery.entries import Entries, Entry
from reseen.gallery.gallery import Gallery
from reseen.gallery.stores.edge import EdgeStore
from reseen.video.record import CropRow, SourceFacts, write_record

__all__ = ["fault", "reseen_says"]

CLUSTERS = [0, 0, 0, 1, 1, 1, -1, None]


def record(folder, camera, name, frames):
    """Crops of a recording, as `reseen crop` leaves them, one in each frame."""
    rows = []
    for frame in frames:
        path = f"{camera}/{name}-{frame}.jpg"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 80), (frame * 20, 0, 0)).save(folder / path)
        rows.append(CropRow(path, 1, frame / 25, frame, 10.0 + frame, 20.0, 40.0 + frame, 100.0, 0.9, 3.0))
    counts = (len(rows), 1, len(rows), 0, 0)
    facts = SourceFacts(name, camera, f"/{name}.mp4", "f", True, 0.0, 75, 3.0, *counts, (), 640, 480)
    write_record(folder, facts, rows)
    return [row.path for row in rows]


def fill(folder, source, images):
    """A gallery of these crops, in the clusters above."""
    vectors = np.eye(len(images), MODEL.dimension, dtype=np.float32)
    entries = [
        Entry(str(source), image, b"", image.partition("/")[0], float(row), row, CLUSTERS[row])
        for row, image in enumerate(images)
    ]
    store = EdgeStore(folder, MODEL, create=True)
    store.add(Entries(entries, vectors))
    return Gallery(store)


@pytest.fixture
def recorded(tmp_path):
    """A gallery of crops of two recordings, in three clusters and none."""
    source = tmp_path / "crops"
    images = [*record(source, "c1", "hall", [3, 4, 9, 12]), *record(source, "c2", "door", [0, 1, 2, 7])]
    with fill(tmp_path / "gallery", source, images) as gallery:
        yield gallery


@pytest.fixture
def loose(tmp_path):
    """A gallery of crops that are files and nothing else; the third was taken with the camera on its side."""
    source = tmp_path / "crops"
    images = [f"c1/{number}.jpg" for number in range(8)]
    (source / "c1").mkdir(parents=True)
    for number, image in enumerate(images):
        picture = Image.new("RGB", (30 + number, 80))
        exif = picture.getexif()
        exif[0x0112] = 6 if number == 2 else 1
        picture.save(source / image, exif=exif)
    with fill(tmp_path / "gallery", source, images) as gallery:
        yield gallery


def names(gallery):
    """Who is on each crop, by its image."""
    people = {key: person.title for person in gallery.people.all() for key in person.keys}
    return {
        entry.image: people[entry.key]
        for part in gallery.store.scan()
        for entry in part.entries
        if entry.key in people
    }
