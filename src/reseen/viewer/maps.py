"""Places of a gallery's crops, made in the background while the page says how far they are.

The points of a map as bytes: what the page needs of each crop to draw it, and no more.

Little-endian: `RSP1`; count n, uint32; places x y, n float32 pairs; camera, n int32 (-1 unknown), a row of the table
of cameras; cluster, n int32 (-1 noise, -2 never clustered); key, n times the 16 bytes of a UUID.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread

import numpy as np
from jaxtyping import Float32, Int64

from reseen.errors import StorageError
from reseen.gallery.copies import record_copy
from reseen.gallery.side_files import map_folder
from reseen.viewer.collection import Collection
from reseen.viewer.projection import Layout, forget_projections, project


@dataclass(eq=False)
class _Work:
    """Places that are there, or on their way."""

    collection: Collection
    share: float = 0.0
    places: Float32[np.ndarray, "n 2"] | None = None
    error: Exception | None = None
    thread: Thread = field(init=False)


class Maps:
    """The last places of each layout; those of other vectors are made anew."""

    def __init__(self, address: str) -> None:
        """Take the address of the gallery; files are kept beside one in a folder."""
        self.kept_in = map_folder(address)
        self._address = address
        self._works: dict[Layout, _Work] = {}
        self._lock = Lock()

    def ask(self, collection: Collection, layout: Layout) -> Float32[np.ndarray, "n 2"] | float:
        """Places of every row, or the share that is done, 0 to 1; the first call begins."""
        work = self._work(collection, layout)
        if work.error is not None:
            self._works.pop(layout, None)
            raise work.error
        return work.share if work.places is None else work.places

    def wait(self, collection: Collection, layout: Layout) -> Float32[np.ndarray, "n 2"]:
        """Places of every row, when they are there."""
        while True:
            self._work(collection, layout).thread.join()
            found = self.ask(collection, layout)
            if not isinstance(found, float):
                return found

    def forget(self) -> None:
        """Remove what is kept of earlier crops.

        Raises:
            StorageError: a file cannot be removed.
        """
        with self._lock:
            self._works.clear()
            if self.kept_in is not None:
                forget_projections(self.kept_in)

    def _work(self, collection: Collection, layout: Layout) -> _Work:
        with self._lock:
            work = self._works.get(layout)
            if work is None or work.collection.vectors is not collection.vectors:
                work = _Work(collection)
                work.thread = Thread(target=self._make, args=(work, layout), daemon=True)
                self._works[layout] = work
                work.thread.start()
            return work

    def _recorded(self) -> Path | None:
        """The folder that keeps places, recorded so that forgetting finds it; None where it cannot be."""
        if self.kept_in is None:
            return None
        try:
            record_copy(self._address, "map", self.kept_in)
        except StorageError:
            return None
        return self.kept_in

    def _make(self, work: _Work, layout: Layout) -> None:
        def progress(share: float) -> None:
            work.share = share

        vectors = np.ascontiguousarray(work.collection.vectors, dtype=np.float32)
        try:
            places = project(vectors, layout, self._recorded(), work.collection.keys, progress)
        except Exception as error:  # handed to whoever asks
            work.error = error
            return
        work.places = places
        with self._lock:
            # What was forgotten meanwhile must not be kept by a work that had begun before.
            if self._works.get(layout) is not work and self.kept_in is not None:
                forget_projections(self.kept_in)


MAGIC = b"RSP1"


def points_as_bytes(
    places: Float32[np.ndarray, "n 2"],
    cameras: Int64[np.ndarray, " n"],
    clusters: Int64[np.ndarray, " n"],
    keys: Sequence[str],
) -> bytes:
    """8 + 32 n bytes.

    Raises:
        ValueError: the counts differ, or a key is no UUID.
    """
    count = len(places)
    if not len(cameras) == len(clusters) == len(keys) == count:
        raise ValueError(
            f"{count} places, {len(cameras)} cameras, {len(clusters)} clusters, {len(keys)} keys"
        )
    return b"".join(
        (
            MAGIC,
            np.uint32(count).astype("<u4").tobytes(),
            places.astype("<f4").tobytes(),
            cameras.astype("<i4").tobytes(),
            clusters.astype("<i4").tobytes(),
            *(uuid.UUID(key).bytes for key in keys),
        )
    )
