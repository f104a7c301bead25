"""The regimes: which crops a pool holds, and what is done to their pixels.

A pool is written as a user would have it: a folder per camera, file names that tell nobody who is on them. Who it is
stands in a table beside the pool, for scoring alone.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64
from PIL import Image, ImageEnhance, ImageFilter

from reseen import ImageTable

Rows = Int64[np.ndarray, " m"]
Choose = Callable[[Rows, Rows, np.random.Generator], Rows]
"""From identities and cameras of all crops to the rows of a pool."""
Edit = Callable[[Image.Image, np.random.Generator], Sequence[Image.Image]]
"""From a crop to the crops that stand for it."""


@dataclass(frozen=True)
class Pool:
    """A pool on disk, with what scoring knows of it; row i is the i-th path in sorted order."""

    folder: Path
    paths: tuple[str, ...]
    """Relative to `folder`: camera, then a name."""
    identities: Rows
    tracklets: Rows
    """Crops of one person in one camera and recording whose frames follow each other."""
    frames: Rows
    """Frame number within its recording."""


@dataclass(frozen=True)
class Regime:
    """A way that pools of users differ from the benchmark's."""

    name: str
    text: str
    choose: Choose
    edit: Edit = lambda image, _generator: (image,)
    everywhere: int = 0
    """Crops that are copied into every camera, as pictures of an empty scene or of a poster are."""

    def make(self, table: ImageTable, identities: Rows, folder: Path, seed: int) -> Pool:
        """Write the pool to `folder` unless it is there; the same seed gives the same pool."""
        generator = np.random.default_rng(seed)
        rows = np.sort(self.choose(identities, table.cameras, generator))
        everywhere = set(generator.permutation(rows)[: self.everywhere].tolist())
        known: dict[str, tuple[int, int, int]] = {}
        tracks = _tracklets(table, identities)
        for row in rows.tolist():
            cameras = table.camera_names if row in everywhere else (table.camera_names[table.cameras[row]],)
            frame = int(table.paths[row].rpartition("/")[2].split("_")[2])
            with Image.open(table.path(row)) as opened:
                images = self.edit(opened.convert("RGB"), generator)
            for camera in cameras:
                for copy, image in enumerate(images):
                    name = hashlib.sha256(f"{seed}/{table.paths[row]}/{camera}/{copy}".encode()).hexdigest()
                    path = f"{camera}/{name[:16]}.jpg"
                    known[path] = (int(identities[row]), int(tracks[row]), frame)
                    if not (folder / path).is_file():
                        (folder / path).parent.mkdir(parents=True, exist_ok=True)
                        image.save(folder / path, quality=int(generator.integers(60, 96)) if copy else 95)
        paths = tuple(sorted(known))
        columns = np.array([known[path] for path in paths], dtype=np.int64)
        return Pool(folder, paths, columns[:, 0], columns[:, 1], columns[:, 2])


def _tracklets(table: ImageTable, identities: Rows) -> Rows:
    """A number for every run of crops of one person in one recording whose frames are less than 100 apart."""
    parts = [path.rpartition("/")[2].split("_") for path in table.paths]
    frames = np.array([int(part[2]) for part in parts])
    recordings = np.unique([part[1] for part in parts], return_inverse=True)[1]
    order = np.lexsort((frames, recordings, identities))
    same = (
        (np.diff(identities[order]) == 0) & (np.diff(recordings[order]) == 0) & (np.diff(frames[order]) < 100)
    )
    numbers = np.empty(len(table), dtype=np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(~same)])
    return numbers


def _people(identities: Rows, count: int, generator: np.random.Generator) -> Rows:
    return generator.permutation(np.unique(identities))[:count]


def _few(identities: Rows, cameras: Rows, generator: np.random.Generator) -> Rows:
    """400 people, two crops from each of two cameras."""
    rows, people = [], 0
    for person in generator.permutation(np.unique(identities)):
        own = np.flatnonzero(identities == person)
        seen, counts = np.unique(cameras[own], return_counts=True)
        places = generator.permutation(seen[counts >= 2])[:2]
        if len(places) < 2 or people == 400:
            continue
        people += 1
        rows += [generator.permutation(own[cameras[own] == place])[:2] for place in places]
    return np.concatenate(rows)


def _one_camera(identities: Rows, cameras: Rows, _generator: np.random.Generator) -> Rows:
    return np.flatnonzero((cameras == np.bincount(cameras).argmax()) & (identities > 0))


def _two_cameras(identities: Rows, cameras: Rows, _generator: np.random.Generator) -> Rows:
    """Everybody seen by both of the two cameras that share most people."""
    pairs = [(first, second) for second in range(int(cameras.max()) + 1) for first in range(second)]

    def both(pair: tuple[int, int]) -> Rows:
        return np.intersect1d(*(identities[cameras == camera] for camera in pair))

    pair = max(pairs, key=lambda pair: len(both(pair)))
    return np.flatnonzero(np.isin(identities, both(pair)) & np.isin(cameras, pair))


def _separate_cameras(identities: Rows, cameras: Rows, generator: np.random.Generator) -> Rows:
    """400 people, each with all crops of one camera that saw them at least twice."""
    rows: list[Rows] = []
    for person in generator.permutation(np.unique(identities)):
        own = np.flatnonzero(identities == person)
        seen, counts = np.unique(cameras[own], return_counts=True)
        place = generator.permutation(seen[counts >= 2])[:1]
        if len(place) and len(rows) < 400:
            rows.append(own[cameras[own] == place])
    return np.concatenate(rows)


def _long_tail(identities: Rows, _cameras: Rows, generator: np.random.Generator) -> Rows:
    """400 people; the one of rank r has 72 / r^0.6 crops where there are so many."""
    people = _people(identities, 400, generator)
    people = people[np.argsort([-np.sum(identities == person) for person in people], kind="stable")]
    sizes = np.maximum(1, np.round(72 / np.arange(1, 401) ** 0.6)).astype(int)
    return np.concatenate(
        [
            generator.permutation(np.flatnonzero(identities == person))[:size]
            for person, size in zip(people, sizes, strict=True)
        ]
    )


def _strangers(identities: Rows, _cameras: Rows, generator: np.random.Generator) -> Rows:
    """100 people with up to five crops, and 500 people seen once."""
    people = _people(identities, 600, generator)
    return np.concatenate(
        [
            generator.permutation(np.flatnonzero(identities == person))[: 5 if place < 100 else 1]
            for place, person in enumerate(people)
        ]
    )


def _some(people: int, crops: int) -> Choose:
    def choose(identities: Rows, _cameras: Rows, generator: np.random.Generator) -> Rows:
        return np.concatenate(
            [
                generator.permutation(np.flatnonzero(identities == person))[:crops]
                for person in _people(identities, people, generator)
            ]
        )

    return choose


def _copies(image: Image.Image, generator: np.random.Generator) -> Sequence[Image.Image]:
    """The crop and three copies, shifted by up to three pixels; saving re-encodes them."""
    width, height = image.size
    boxes = [(x, y, x + width, y + height) for x, y in generator.integers(-3, 4, size=(3, 2)).tolist()]
    return (image, *(image.crop(box) for box in boxes))


def _blurred_and_dark(image: Image.Image, generator: np.random.Generator) -> Sequence[Image.Image]:
    blurred = image.filter(ImageFilter.GaussianBlur(float(generator.uniform(1.5, 2.5))))
    return (ImageEnhance.Brightness(blurred).enhance(float(generator.uniform(0.25, 0.45))),)


REGIMES = {
    regime.name: regime
    for regime in (
        Regime("few", "400 people, two crops from each of two cameras", _few),
        Regime("one-camera", "the camera with most crops alone", _one_camera),
        Regime("two-cameras", "everybody seen by both of two cameras", _two_cameras),
        Regime("separate-cameras", "400 people, each in one camera alone", _separate_cameras),
        Regime("long-tail", "400 people, 72 crops of the first, 2 of the last", _long_tail),
        Regime("strangers", "100 people seen up to five times, 500 people seen once", _strangers),
        Regime(
            "near-copies", "150 people, four crops and three copies of each; 30 crops in every camera",
            _some(150, 4), _copies, everywhere=30,
        ),
        Regime("tiny", "30 people", _some(30, 1000)),
        Regime("narrow", "150 people, blurred and dark", _some(150, 1000), _blurred_and_dark),
        Regime("usual", "150 people, all their crops, as in `market-mini`", _some(150, 1000)),
        Regime("whole", "651 people, all their crops", _some(10_000, 1000)),
    )
}  # fmt: skip
