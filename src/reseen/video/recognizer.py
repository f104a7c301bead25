"""`Recognizer`: the crops of a tracklet to the person of a gallery that they show."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from reseen.gallery.entries import Entries, Entry
from reseen.gallery.gallery import Gallery, Match
from reseen.gallery.thumbnail import shrink
from reseen.video.record import CropRow

_TRACKLETS = 10
"""Most similar tracklets of the gallery, among which one with a cluster is looked for."""


class Recognizer:
    """Searches a gallery with the mean embedding of a tracklet's crops, and adds them to it if wanted."""

    def __init__(self, gallery: Gallery, threshold: float | None, add: bool) -> None:
        """Take an open gallery.

        Args:
            gallery: the gallery.
            threshold: cosine similarity from which a crop is of the same person; None for that of the gallery's
                calibration, and where there is none, the most similar crop decides however similar it is.
            add: whether crops become entries of the gallery.
        """
        calibrated = gallery.calibration.threshold if gallery.calibration is not None else None
        self.threshold = calibrated if threshold is None else threshold
        self._gallery, self._add = gallery, add
        self.search_seconds = 0.0
        """Seconds that all searches so far took together."""
        self.searches = 0

    def embed(self, jpegs: Sequence[bytes]) -> Float32[np.ndarray, "n d"]:
        """Unit embeddings of crops, as `reseen index` would make them."""
        vectors = np.stack([self._gallery.embed(jpeg) for jpeg in jpegs])
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def recognize(self, vectors: Float32[np.ndarray, "n d"]) -> tuple[Match | None, Match | None]:
        """The most similar crop of the gallery, and the most similar one of a person: in a cluster, and similar enough.

        Both are None in an empty gallery.
        """
        began = time.perf_counter()
        mean = vectors.mean(axis=0)
        query = mean if np.linalg.norm(mean) > 1e-6 else vectors[0]
        found = self._gallery.search(query, _TRACKLETS, group_tracklets=True)
        self.search_seconds += time.perf_counter() - began
        self.searches += 1
        named = next(
            (match for match in found if match.entry.cluster is not None and match.entry.cluster >= 0), None
        )
        if named is not None and self.threshold is not None and named.similarity < self.threshold:
            named = None
        return (found[0] if found else None), named

    def remember(
        self,
        out: Path,
        camera: str,
        start: float,
        rows: Sequence[CropRow],
        jpegs: Sequence[bytes],
        vectors: Float32[np.ndarray, "n d"],
    ) -> None:
        """Add crops to the gallery, if that is wanted; they are in no cluster until `reseen index` is given clusters.

        Raises:
            GalleryError: the gallery cannot be written.
            StorageError: the disk is full.
        """
        if not self._add:
            return
        entries = [
            Entry(str(out), row.path, shrink(jpeg), camera, start + row.time, row.tracklet)
            for row, jpeg in zip(rows, jpegs, strict=True)
        ]
        self._gallery.store.add(Entries(entries, vectors))
