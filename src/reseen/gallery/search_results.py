"""Search by one or more image files, and the results as JSON."""

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
    """Query images of one search and its matches."""

    images: tuple[str, ...]
    """The query image files; several if one search used their mean."""
    pictures: tuple[bytes, ...]
    """A JPEG thumbnail of each query image."""
    matches: list[Match]
    """Most similar first; after re-ranking in that order."""
    people: tuple[str, ...] = ()
    """Whom each match shows, such as `Anna` or `person 12`, empty for nobody; none in a gallery without people."""

    @property
    def title(self) -> str:
        """Comma-separated names of the query image files."""
        return ", ".join(Path(image).name for image in self.images)


def search_images(
    gallery: Gallery,
    images: Sequence[str | Path],
    top: int = 20,
    where: Filter = EVERYTHING,
    *,
    group_tracklets: bool = False,
    rerank: bool = False,
    together: bool = False,
    center_cameras: bool = False,
    camera: str | None = None,
) -> list[SearchResults]:
    """Search with each image or, if `together`, once with their mean vector.

    Args:
        gallery: the gallery to search.
        images: image files, each of one person.
        top: matches per search.
        where: conditions on the entries.
        group_tracklets: only the best crop of each tracklet.
        rerank: re-rank the first hundred hits by k-reciprocal distance.
        together: the images show one person.
        center_cameras: order by similarity with the mean of its camera subtracted from every vector.
        camera: camera of all images, where cameras are centered; None where unknown.

    Raises:
        DataError: an image cannot be read, or the vectors cancel each other out.
        GalleryError: the run of the gallery's model is missing or was trained further, or cameras cannot be centered.
        SettingsError: options exclude each other, or the camera is unknown to gallery and run.
    """
    vectors = [gallery.embed(image) for image in images]
    thumbnails = read_thumbnails(images, gallery.run.recipe.data.white_level)
    queries = [((str(image),), (thumbnail,)) for image, thumbnail in zip(images, thumbnails, strict=True)]
    if together:
        mean = np.mean(vectors, axis=0)
        if not np.linalg.norm(mean) > 1e-6:
            raise DataError(
                "the vectors of these images cancel each other out; search with each image separately"
            )
        vectors, queries = [mean / np.linalg.norm(mean)], [(tuple(map(str, images)), tuple(thumbnails))]
    results = []
    for (names, pictures), vector in zip(queries, vectors, strict=True):
        matches = gallery.search(
            vector,
            top,
            where,
            group_tracklets=group_tracklets,
            rerank=rerank,
            center_cameras=center_cameras,
            camera=camera,
        )
        people = tuple(gallery.people.title_of(match.entry.key) for match in matches)
        results.append(SearchResults(names, pictures, matches, people if any(people) else ()))
    return results


def results_to_json(gallery: Gallery, searches: Sequence[SearchResults]) -> dict[str, Any]:
    """JSON values: gallery, model, and for each search its matches in ranked order."""
    return {
        "format": "reseen-search-1",
        "gallery": gallery.address,
        "model": gallery.model.fingerprint,
        "mirrored": gallery.model.mirrored,
        "probabilities": gallery.why_uncalibrated or gallery.calibration_text,
        "searches": [
            {
                "images": list(results.images),
                "answers": [
                    match_to_json(match) | {"person": person or None}
                    for match, person in zip(
                        results.matches, results.people or [""] * len(results.matches), strict=True
                    )
                ],
            }
            for results in searches
        ],
    }


def match_to_json(match: Match) -> dict[str, Any]:
    """JSON values of one match."""
    entry = match.entry
    return {
        "key": entry.key, "source": entry.source, "image": entry.image, "similarity": match.similarity,
        "probability": match.probability, "camera": entry.camera, "time": entry.time, "tracklet": entry.tracklet,
        "cluster": entry.cluster, "frames": match.frames,
    }  # fmt: skip


def write_json(file: Path, gallery: Gallery, searches: Sequence[SearchResults]) -> Path:
    """Write `results_to_json` to a file, atomically, and record which crops it names.

    Raises:
        StorageError: the file cannot be written.
    """
    write_text(file, json.dumps(results_to_json(gallery, searches), indent=1) + "\n")
    record_page(gallery.address, file, (match.entry.key for results in searches for match in results.matches))
    return file
