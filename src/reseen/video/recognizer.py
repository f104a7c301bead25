"""`Recognizer`: identifies the person on a tracklet's crops in a gallery."""

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
"""Number of most similar tracklets in the gallery that are searched for one with a cluster."""


class Recognizer:
    """Searches a gallery with the mean embedding of a tracklet's crops, and optionally adds them to the gallery."""

    def __init__(self, gallery: Gallery, threshold: float | None, add: bool) -> None:
        """Use an open gallery.

        Args:
            gallery: the gallery.
            threshold: minimum cosine similarity, -1 to 1, of crops of the same person; None for that of the gallery's
                calibration, or without a calibration for no minimum.
            add: whether to add crops to the gallery.
        """
        calibrated = gallery.calibration.threshold if gallery.calibration is not None else None
        self.threshold = calibrated if threshold is None else threshold
        self._gallery, self._add = gallery, add
        self.search_seconds = 0.0
        """Total seconds of all searches so far."""
        self.searches = 0
        """Number of searches so far."""

    def embed(self, jpegs: Sequence[bytes]) -> Float32[np.ndarray, "n d"]:
        """Embeddings of crops, of unit length, as `reseen index` computes them."""
        vectors = np.stack([self._gallery.embed(jpeg) for jpeg in jpegs])
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def recognize(self, vectors: Float32[np.ndarray, "n d"]) -> tuple[Match | None, Match | None]:
        """Search the gallery with the mean of n embeddings.

        Returns:
            The most similar crop; and the most similar crop with a cluster, if it reaches the threshold. Both are None
            for an empty gallery.
        """
        began = time.perf_counter()
        mean = vectors.mean(axis=0)
        query = mean if np.linalg.norm(mean) > 1e-6 else vectors[0]
        matches = self._gallery.search(query, _TRACKLETS, group_tracklets=True)
        self.search_seconds += time.perf_counter() - began
        self.searches += 1
        identified = next(
            (match for match in matches if match.entry.cluster is not None and match.entry.cluster >= 0), None
        )
        if identified is not None and self.threshold is not None and identified.similarity < self.threshold:
            identified = None
        return (matches[0] if matches else None), identified

    def add_to_gallery(
        self,
        out: Path,
        camera: str,
        start: float,
        rows: Sequence[CropRow],
        jpegs: Sequence[bytes],
        vectors: Float32[np.ndarray, "n d"],
    ) -> None:
        """Add crops to the gallery if `add` is set; they have no cluster until `reseen index` is run with clusters.

        Args:
            out: folder of the crops.
            camera: name of the camera.
            start: time in seconds that the times of `rows` are relative to.
            rows: the crops.
            jpegs: their files.
            vectors: their embeddings.

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
