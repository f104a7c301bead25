"""The page of a search, to keep or to hand on: one file with all pictures in it."""

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


def write_sheet(file: Path, gallery: Gallery, count: int, asked: Sequence[SearchResults]) -> Path:
    """Write searches in a gallery of `count` entries to an HTML file, and record which crops it shows.

    Raises:
        StorageError: the place cannot be written.
    """
    threshold = None if gallery.calibration is None else gallery.calibration.threshold
    searches = [
        Search(
            answers.title,
            [decoded(picture) for picture in answers.pictures],
            [_found(match, threshold) for match in answers.matches],
        )
        for answers in asked
    ]
    searched = sum(len(answers.images) for answers in asked)
    content = SearchContent(
        "Who looks like this?",
        f"{searched} {'image' if searched == 1 else 'images'} searched for among {count:,} crops.",
        searches,
        {
            "gallery": gallery.address,
            "model": gallery.model.name,
            "same person": gallery.why_uncalibrated or gallery.calibration_text,
        },
    )
    write_search_page(file.expanduser(), content)
    record_page(
        gallery.address, file.expanduser(), (m.entry.key for answers in asked for m in answers.matches)
    )
    return file.expanduser()


def _found(match: Match, threshold: float | None) -> FoundCrop:
    entry = match.entry
    frames = [f"{match.frames} crops"] if match.frames > 1 else []
    *known, name = facts_of(entry)
    likely = "" if match.probability is None else f" · {match.probability:.0%}"
    return FoundCrop(
        decoded(entry.thumbnail),
        f"{match.similarity:.2f}{likely}",
        [*known, *frames, name],
        threshold is not None and match.similarity >= threshold,
    )


def facts_of(entry: Entry) -> list[str]:
    """What is known of a crop, a few words each; its file's name is the last."""
    known = [
        entry.camera and f"camera {entry.camera}",
        format_timestamp(entry.time),
        None if entry.cluster is None or entry.cluster < 0 else f"cluster {entry.cluster}",
        entry.image.rpartition("/")[2],
    ]
    return [line for line in known if line]


def decoded(thumbnail: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """Pixels of a thumbnail; gray where there is none."""
    if not thumbnail:
        return np.full((HEIGHT, HEIGHT // 2, 3), 160, dtype=np.uint8)
    return decode(thumbnail)
