"""Which entries somebody means who asks to forget."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reseen.data.progress import ProgressBar
from reseen.errors import DataError, GalleryError, SettingsError
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.forget import By
from reseen.gallery.gallery import Gallery
from reseen.gallery.likeness import Alike, find_alike

ROUNDS = 1
"""Rounds of feedback unless somebody says otherwise; docs/security.md has the measurements."""


@dataclass(frozen=True)
class Chosen:
    """A condition, and how it came about."""

    by: By
    where: Filter
    alike: Alike | None = None
    """What a comparison with images found; None by any other way."""
    threshold: float | None = None
    """The similarity of that."""


def select_entries(
    gallery: Gallery,
    images: Sequence[str] | None = None,
    clusters: Sequence[int] | None = None,
    like: Sequence[str | Path | bytes] | None = None,
    threshold: float | None = None,
    *,
    rounds: int | None = ROUNDS,
    kept: Sequence[str] = (),
    among: Filter = EVERYTHING,
) -> Chosen:
    """The condition for crops by path, by cluster, by likeness to images, or by camera and time alone.

    Args:
        gallery: where.
        images: paths of crops.
        clusters: numbers of clusters.
        like: images of one person.
        threshold: cosine, beside `like`; that of the run's audit when not given.
        rounds: beside `like`, rounds in which what was found is searched with; None is until nothing new appears.
        kept: beside `like`, paths of crops of other people, which stay.
        among: cameras and times that narrow the choice, or are the choice where nothing else is given.

    Raises:
        SettingsError: none or several ways to choose, a value out of range or beside another way.
        GalleryError: likeness without a threshold, where the run has no audit.
        DataError: one of `like` is no usable image, or a kept crop is not in the gallery.
    """
    ways = sum(bool(way) for way in (images, clusters, like))
    if ways > 1 or (not ways and among.everything):
        raise SettingsError(
            "say what to forget in one way: --image, --cluster or --like, or by --camera, --before and --after alone"
        )
    if threshold is not None and (not like or not -1 <= threshold <= 1):
        raise SettingsError(f"--threshold {threshold}: a cosine from -1 to 1, beside --like")
    if kept and not like:
        raise SettingsError("--keep names crops that are like an image and stay; give it beside --like")
    if rounds is not None and rounds < 0:
        raise SettingsError(
            f"--rounds {rounds}: 0 is by the images alone, 1 and more search with what was found"
        )
    if images:
        return Chosen("image", replace(among, images=tuple(images)))
    if clusters:
        return Chosen("cluster", replace(among, clusters=tuple(clusters)))
    if not like:
        return Chosen("filter", among)
    threshold = _threshold(gallery, threshold)
    vectors = np.stack([gallery.embed(image) for image in like])
    passes = f"comparing crops{'' if rounds == 0 else ', round by round'}"
    alike = find_alike(
        lambda: _parts(gallery, among, passes), vectors, threshold, rounds, _keys(gallery, kept)
    )
    return Chosen("like", Filter(keys=alike.keys), alike, threshold)


def _threshold(gallery: Gallery, given: float | None) -> float:
    if given is not None:
        return given
    if gallery.calibration is None:
        raise GalleryError(
            f"no threshold to tell who is like the image ({gallery.why_uncalibrated}); make an audit with "
            "`reseen audit`, or give --threshold"
        )
    return gallery.calibration.threshold


def _parts(gallery: Gallery, among: Filter, words: str) -> Iterator[tuple[list[str], np.ndarray]]:
    with ProgressBar(words, gallery.store.describe().count, show=True) as bar:
        for part in gallery.store.scan(among):
            yield [entry.key for entry in part.entries], part.vectors
            bar.advance(len(part))


def _keys(gallery: Gallery, images: Sequence[str]) -> Collection[str]:
    """Keys of crops that somebody named by their paths."""
    if not images:
        return ()
    found = [entry for part in gallery.store.scan(Filter(images=tuple(images))) for entry in part.entries]
    missing = set(images) - {entry.image for entry in found}
    if missing:
        raise DataError(
            f"{min(missing)}: no crop in this gallery has this path; give it as the page shows it"
        )
    return frozenset(entry.key for entry in found)
