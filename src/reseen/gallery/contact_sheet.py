"""Search results as a self-contained HTML page with embedded thumbnails."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from reseen.data.decode import decode
from reseen.gallery.copies import record_page
from reseen.gallery.entries import Entry
from reseen.gallery.filter import format_timestamp
from reseen.gallery.gallery import Gallery, Match
from reseen.gallery.search_results import SearchResults
from reseen.gallery.thumbnail import HEIGHT
from reseen.pages.search_page import FoundCrop, Search, SearchContent, write_search_page


def write_sheet(file: Path, gallery: Gallery, count: int, searches: Sequence[SearchResults]) -> Path:
    """Write search results to an HTML file and record which crops it shows.

    Args:
        file: the HTML file.
        gallery: the gallery that was searched.
        count: number of entries in the gallery.
        searches: results, one item per search.

    Returns:
        The file, with `~` expanded.

    Raises:
        StorageError: the file cannot be written.
    """
    threshold = None if gallery.calibration is None else gallery.calibration.threshold
    sections = [
        Search(
            results.title,
            [decode_thumbnail(thumbnail) for thumbnail in results.pictures],
            [
                _found_crop(match, threshold, person)
                for match, person in zip(
                    results.matches, results.people or [""] * len(results.matches), strict=True
                )
            ],
        )
        for results in searches
    ]
    images = sum(len(results.images) for results in searches)
    content = SearchContent(
        "Search results",
        f"{images} query {'image' if images == 1 else 'images'}, {count:,} crops in the gallery.",
        sections,
        {
            "gallery": gallery.address,
            "model": gallery.model.name,
            "same person": gallery.why_uncalibrated or gallery.calibration_text,
        },
    )
    write_search_page(file.expanduser(), content)
    record_page(
        gallery.address, file.expanduser(), (m.entry.key for results in searches for m in results.matches)
    )
    return file.expanduser()


def _found_crop(match: Match, threshold: float | None, person: str) -> FoundCrop:
    entry = match.entry
    frames = [f"{match.frames} crops"] if match.frames > 1 else []
    *facts, name = describe_entry(entry)
    probability = "" if match.probability is None else f" · {match.probability:.0%}"
    return FoundCrop(
        decode_thumbnail(entry.thumbnail),
        f"{match.similarity:.2f}{probability}",
        [*([person] if person else []), *facts, *frames, name],
        threshold is not None and match.similarity >= threshold,
    )


def describe_entry(entry: Entry) -> list[str]:
    """Known facts about a crop, such as `camera c1`; the last is always the file name."""
    facts = [
        entry.camera and f"camera {entry.camera}",
        format_timestamp(entry.time),
        None if entry.cluster is None or entry.cluster < 0 else f"cluster {entry.cluster}",
        entry.image.rpartition("/")[2],
    ]
    return [fact for fact in facts if fact]


def decode_thumbnail(thumbnail: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """RGB pixels of a thumbnail, uint8; uniform gray if there is none."""
    if not thumbnail:
        return np.full((HEIGHT, HEIGHT // 2, 3), 160, dtype=np.uint8)
    return decode(thumbnail)
