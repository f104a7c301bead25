"""Which entries somebody means who asks to forget."""

from collections.abc import Sequence
from pathlib import Path

from reseen.data.progress import ProgressBar
from reseen.errors import GalleryError, SettingsError
from reseen.gallery.filter import Filter
from reseen.gallery.forget import By
from reseen.gallery.gallery import Gallery

_ROUNDING = 1e-6
"""A crop is like itself whatever rounding says."""


def select_entries(
    gallery: Gallery,
    images: Sequence[str] | None,
    clusters: Sequence[int] | None,
    like: str | Path | bytes | None,
    threshold: float | None = None,
) -> tuple[By, Filter]:
    """The condition for crops by path, by cluster, or by likeness to an image; exactly one must be given.

    Raises:
        SettingsError: none or several ways to choose, a threshold beside another way, or outside -1 to 1.
        GalleryError: likeness without a threshold, where the run has no audit.
        DataError: `like` is no usable image.
    """
    if sum(bool(way) for way in (images, clusters, like)) != 1:
        raise SettingsError("say what to forget in one way: --image, --cluster or --like")
    if threshold is not None and (not like or not -1 <= threshold <= 1):
        raise SettingsError(f"--threshold {threshold}: a cosine from -1 to 1, beside --like")
    if images:
        return "image", Filter(images=tuple(images))
    if clusters:
        return "cluster", Filter(clusters=tuple(clusters))
    assert like
    return "like", Filter(keys=like_keys(gallery, like, threshold))


def like_keys(gallery: Gallery, like: str | Path | bytes, threshold: float | None) -> tuple[str, ...]:
    """Keys of all entries at least as similar to an image as a threshold; that of the audit where none is given.

    Every entry is compared: a search by a graph may leave out a few, and nobody may be left out here.

    Raises:
        GalleryError: no threshold is given and the run has no audit.
        DataError: it is no usable image.
    """
    if threshold is None:
        if gallery.calibration is None:
            raise GalleryError(
                f"no threshold to tell who is like the image ({gallery.why_uncalibrated}); make an audit with "
                "`reseen audit`, or give --threshold"
            )
        threshold = gallery.calibration.threshold
    vector = gallery.embed(like)
    found: list[str] = []
    with ProgressBar("comparing crops", gallery.store.describe().count, show=True) as bar:
        for part in gallery.store.scan():
            near = part.vectors @ vector >= threshold - _ROUNDING
            found += [entry.key for entry, is_near in zip(part.entries, near, strict=True) if is_near]
            bar.advance(len(part))
    return tuple(found)
