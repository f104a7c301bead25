"""Search a gallery by its address, as `reseen search` does: results, and a page of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reseen.errors import SettingsError
from reseen.gallery.contact_sheet import write_sheet
from reseen.gallery.filter import parse_filter
from reseen.gallery.gallery import open_gallery
from reseen.gallery.search_results import SearchResults, search_images, write_json
from reseen.runs.run import Run


@dataclass(frozen=True)
class GallerySearchSettings:
    """What a search of a gallery returns, and how it is ordered."""

    top: int = 20
    """Results per search, at least 1."""
    cameras: Sequence[str] = ()
    """Only these cameras; all if empty."""
    after: float | str | datetime | None = None
    """Only at or after this time: seconds, or a date and time."""
    before: float | str | datetime | None = None
    """Only before this time."""
    clusters: Sequence[int] = ()
    """Only these clusters; all if empty."""
    group_tracklets: bool = False
    """Only the best crop of each tracklet."""
    rerank: bool = False
    """Re-rank the first hundred hits by k-reciprocal distance."""
    together: bool = False
    """The images show one person: search once with their mean embedding."""
    center_cameras: bool = False
    """Order by similarity with the mean of its camera subtracted from every vector."""
    query_camera: str | None = None
    """Camera of the images, where cameras are centered; None where unknown."""


@dataclass(frozen=True)
class GallerySearch:
    """The results of searching a gallery."""

    searches: list[SearchResults]
    """One per image, or one for all with `together`."""
    calibration: str
    """How probabilities were calibrated, or why there are none."""
    page: Path | None
    """The HTML page, if requested."""


def search_gallery(
    address: str | Path,
    images: Sequence[str | Path],
    settings: GallerySearchSettings | None = None,
    *,
    run: Run | str | Path | None = None,
    page: str | Path | None = None,
    json: str | Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> GallerySearch:
    """Search a gallery for the crops most similar to images.

    Args:
        address: a folder, `qdrant://...` or `postgresql://...`.
        images: image files, each of one person; at least one.
        settings: what is searched and returned; the defaults of `GallerySearchSettings` when None.
        run: the model's run, if it was moved since indexing.
        page: an HTML page of the results to write.
        json: a JSON file of the results to write.
        say: called with messages about deletions that were interrupted earlier.

    Raises:
        SettingsError: no image, or a setting is invalid or does not apply.
        DataError: an image cannot be read.
        GalleryError: the gallery does not exist, is damaged or in use, or its model is missing.
        StorageError: a file cannot be written.

    Example:
        >>> reseen.search_gallery("gallery", ["person.jpg"]).searches[0].matches[0].entry.image
        'bounding_box_train/0002_c1s1_000451_03.jpg'
    """
    settings = GallerySearchSettings() if settings is None else settings
    if not images:
        raise SettingsError("no query image; name one or more image files after the gallery")
    if settings.top < 1:
        raise SettingsError(f"--top must be at least 1, got {settings.top}")
    with open_gallery(address, run) as gallery:
        for note in gallery.notes:
            say(note)
        described = gallery.store.describe()
        where = parse_filter(
            settings.cameras, settings.after, settings.before, settings.clusters, list(described.cameras)
        )
        searches = search_images(
            gallery,
            images,
            settings.top,
            where,
            group_tracklets=settings.group_tracklets,
            rerank=settings.rerank,
            together=settings.together,
            center_cameras=settings.center_cameras,
            camera=settings.query_camera,
        )
        written = None if page is None else write_sheet(Path(page), gallery, described.count, searches)
        if json is not None:
            write_json(Path(json), gallery, searches)
        calibration = gallery.why_uncalibrated or gallery.calibration_text
        return GallerySearch(searches, calibration, written)
