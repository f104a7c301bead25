"""Selection of the entries to delete: by path, cluster, similarity, or camera and time."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reseen.data.progress import ProgressBar
from reseen.errors import DataError, GalleryError, SettingsError
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.forget import SelectedBy
from reseen.gallery.gallery import Gallery
from reseen.gallery.similarity_search import SimilarCrops, find_similar

ROUNDS = 1
"""Default number of feedback rounds; measured in docs/security.md."""


@dataclass(frozen=True)
class Selection:
    """A filter for the selected entries, and how they were selected."""

    by: SelectedBy
    where: Filter
    similar: SimilarCrops | None = None
    """The similarity search, if `by` is `like`; else None."""
    threshold: float | None = None
    """Cosine threshold of that search."""


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
) -> Selection:
    """Select entries by one of: paths, clusters, similarity to images, or `among` alone.

    Args:
        gallery: the gallery to select from.
        images: paths of crops below their source folder.
        clusters: cluster numbers.
        like: images of one person.
        threshold: with `like`, the cosine threshold; by default the calibrated one, at medium or high trust.
        rounds: with `like`, feedback rounds that search with the crops found so far; None continues until no new crop
            is found.
        kept: with `like`, paths of other people's crops, which are excluded.
        among: filter on cameras and times; the selection itself if nothing else is given.

    Raises:
        SettingsError: no or several criteria, a value out of range, or an option of another criterion.
        GalleryError: `like` without a threshold, and none of medium or high trust is known.
        DataError: an image of `like` is unusable, or a path of `kept` is not in the gallery.
    """
    criteria = sum(bool(criterion) for criterion in (images, clusters, like))
    if criteria > 1 or (not criteria and among.everything):
        raise SettingsError(
            "select crops by exactly one of --image, --cluster and --like, or by --camera, --before and --after alone"
        )
    if threshold is not None and (not like or not -1 <= threshold <= 1):
        raise SettingsError(f"--threshold {threshold}: must be a cosine from -1 to 1, given beside --like")
    if kept and not like:
        raise SettingsError("--keep excludes crops from --like; give it beside --like")
    if rounds is not None and rounds < 0:
        raise SettingsError(
            f"--rounds {rounds}: give 0 to compare with the images only, or the number of feedback rounds"
        )
    if images:
        return Selection("image", replace(among, images=tuple(images)))
    if clusters:
        return Selection("cluster", replace(among, clusters=tuple(clusters)))
    if not like:
        return Selection("filter", among)
    threshold = _threshold(gallery, threshold)
    vectors = np.stack([gallery.embed(image) for image in like])
    label = f"comparing crops{'' if rounds == 0 else ', round by round'}"
    similar = find_similar(
        lambda: _parts(gallery, among, label), vectors, threshold, rounds, _keys(gallery, kept)
    )
    return Selection("like", Filter(keys=similar.keys), similar, threshold)


def _threshold(gallery: Gallery, threshold: float | None) -> float:
    if threshold is not None:
        return threshold
    if gallery.calibration is None or gallery.calibration.threshold is None:
        raise GalleryError(
            f"no similarity threshold is known ({gallery.why_uncalibrated or gallery.calibration_text}); answer more "
            "questions in `reseen view`, or give --threshold"
        )
    return gallery.calibration.threshold


def _parts(gallery: Gallery, among: Filter, label: str) -> Iterator[tuple[list[str], np.ndarray]]:
    with ProgressBar(label, gallery.store.describe().count, show=True) as bar:
        for part in gallery.store.scan(among):
            yield [entry.key for entry in part.entries], part.vectors
            bar.advance(len(part))


def _keys(gallery: Gallery, images: Sequence[str]) -> Collection[str]:
    """Keys of crops given by their paths."""
    if not images:
        return ()
    entries = [entry for part in gallery.store.scan(Filter(images=tuple(images))) for entry in part.entries]
    missing = set(images) - {entry.image for entry in entries}
    if missing:
        raise DataError(
            f"{min(missing)}: no crop in this gallery has this path; give it as shown on the page"
        )
    return frozenset(entry.key for entry in entries)
