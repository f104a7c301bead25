"""Searches with one or more images, and their answers as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reseen.errors import DataError
from reseen.files import write_text
from reseen.gallery.copies import record_page
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.gallery import Gallery, Match
from reseen.gallery.thumbnail import read_thumbnails


@dataclass(frozen=True)
class SearchResults:
    """What one search found."""

    images: tuple[str, ...]
    """The image files that were searched with."""
    pictures: tuple[bytes, ...]
    """A thumbnail of each."""
    matches: list[Match]

    @property
    def title(self) -> str:
        """Names of the image files."""
        return ", ".join(Path(image).name for image in self.images)


def ask(
    gallery: Gallery,
    images: Sequence[str | Path],
    top: int = 20,
    where: Filter = EVERYTHING,
    *,
    group_tracklets: bool = False,
    rerank: bool = False,
    together: bool = False,
) -> list[SearchResults]:
    """Search with each image, or once with the mean of them all.

    Raises:
        DataError: an image cannot be read; or the mean of several vectors is zero.
        GalleryError: the run that made the gallery is gone.
    """
    vectors = [gallery.embed(image) for image in images]  # refuses what is no image
    pictures = read_thumbnails(images, gallery.run.recipe.data.white_level)
    asked = [((str(image),), (picture,)) for image, picture in zip(images, pictures, strict=True)]
    if together:
        mean = np.mean(vectors, axis=0)
        if not np.linalg.norm(mean) > 1e-6:
            raise DataError("these images have nothing in common; search with each by itself")
        vectors, asked = [mean / np.linalg.norm(mean)], [(tuple(map(str, images)), tuple(pictures))]
    return [
        SearchResults(
            names, shown, gallery.search(vector, top, where, group_tracklets=group_tracklets, rerank=rerank)
        )
        for (names, shown), vector in zip(asked, vectors, strict=True)
    ]


def as_json(gallery: Gallery, asked: Sequence[SearchResults]) -> dict[str, Any]:
    """Plain values: the model, and for each search its answers, the likeliest first."""
    return {
        "format": "reseen-search-1",
        "gallery": gallery.address,
        "model": gallery.model.fingerprint,
        "probabilities": gallery.why_uncalibrated or gallery.calibration_text,
        "searches": [
            {"images": list(answers.images), "answers": [match_json(match) for match in answers.matches]}
            for answers in asked
        ],
    }


def match_json(match: Match) -> dict[str, Any]:
    """One answer as plain values."""
    entry = match.entry
    return {
        "key": entry.key, "source": entry.source, "image": entry.image, "similarity": match.similarity,
        "probability": match.probability, "camera": entry.camera, "time": entry.time, "tracklet": entry.tracklet,
        "cluster": entry.cluster, "frames": match.frames,
    }  # fmt: skip


def write_json(file: Path, gallery: Gallery, asked: Sequence[SearchResults]) -> Path:
    """Write `as_json`, whole or not at all.

    Raises:
        StorageError: the place cannot be written.
    """
    write_text(file, json.dumps(as_json(gallery, asked), indent=1) + "\n")
    record_page(gallery.address, file, (match.entry.key for answers in asked for match in answers.matches))
    return file
