"""Map coordinates of a gallery, computed in background threads, and their binary format for the browser.

Coordinates are by one of two layouts, and cached on disk until the vectors change.

Format, little-endian: magic `RSP1`; count n, uint32; coordinates x y, n pairs of float32; camera index, n int32 (-1
unknown); cluster, n int32 (-1 outlier, -2 never clustered); key, n UUIDs of 16 bytes.
"""

import hashlib
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int64

from reseen.errors import StorageError
from reseen.files import write_atomically
from reseen.gallery.collection import Collection
from reseen.gallery.copies import record_copy
from reseen.gallery.side_files import map_folder
from reseen.reading import read_array
from reseen.viewer.neighbor_layout import neighbor_layout, project_to_principal_components

Layout = Literal["neighbors", "principal"]
"""`neighbors` preserves neighborhoods; `principal` preserves large distances (first two principal components)."""

_VERSION = "1"
"""Part of the cache key; incremented when a layout changes."""


def project(
    vectors: Float32[np.ndarray, "n d"],
    layout: Layout,
    cache_folder: Path | None = None,
    keys: Sequence[str] = (),
    progress: Callable[[float], None] = lambda _: None,
) -> Float32[np.ndarray, "n 2"]:
    """Map coordinates of unit rows, centered and scaled so that the longer side spans -1 to 1.

    Args:
        vectors: unit rows.
        layout: see `Layout`.
        cache_folder: where coordinates are cached, in a file named by a digest of vectors and keys. Writing one removes
            those of other content. A folder that cannot be written or a damaged file only costs time.
        keys: keys of the rows, part of the digest.
        progress: called with the fraction done, 0 to 1.
    """
    path = None if cache_folder is None else cache_folder / f"{layout}-{_digest(vectors, keys)}.npy"
    cached = None if path is None else _read(path, len(vectors))
    if cached is not None:
        progress(1.0)
        return cached
    if layout == "principal":
        coordinates = project_to_principal_components(vectors)
    else:
        coordinates = neighbor_layout(vectors, progress=progress)
    coordinates = _normalize(coordinates)
    if path is not None:
        _write(path, layout, coordinates)
    progress(1.0)
    return coordinates


def delete_projections(cache_folder: Path) -> None:
    """Delete all cached coordinates in a folder, and the folder if it is then empty.

    Raises:
        StorageError: a file cannot be deleted.
    """
    for path in _files(cache_folder):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{path}: cannot be deleted ({error.strerror}); delete it manually") from None
    with suppress(OSError):
        cache_folder.rmdir()


def _normalize(coordinates: np.ndarray) -> Float32[np.ndarray, "n 2"]:
    """Center and scale so that the longer side spans -1 to 1; a missing second column is zero."""
    if not len(coordinates):
        return np.empty((0, 2), np.float32)
    if coordinates.shape[1] < 2:
        coordinates = np.pad(coordinates, ((0, 0), (0, 2 - coordinates.shape[1])))
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    half = float((high - low).max()) / 2
    return np.clip((coordinates - (low + high) / 2) / (half if half > 0 else 1.0), -1, 1).astype(np.float32)


def _digest(vectors: np.ndarray, keys: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{_VERSION} {vectors.shape}\n".encode())
    digest.update(np.ascontiguousarray(vectors).tobytes())
    digest.update("\n".join(keys).encode())
    return digest.hexdigest()[:32]


def _read(path: Path, count: int) -> Float32[np.ndarray, "n 2"] | None:
    try:
        coordinates = read_array(path)
    except (OSError, ValueError):
        return None
    if coordinates.shape != (count, 2) or coordinates.dtype != np.float32:
        return None
    return coordinates if np.isfinite(coordinates).all() else None


def _files(folder: Path) -> list[Path]:
    return [path for layout in ("neighbors", "principal") for path in folder.glob(f"{layout}-*.npy")]


def _write(path: Path, layout: Layout, coordinates: np.ndarray) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.save(file, coordinates, allow_pickle=False)

    with suppress(StorageError):
        write_atomically(path, write)
        for other in path.parent.glob(f"{layout}-*.npy"):
            if other != path:
                other.unlink(missing_ok=True)


@dataclass(eq=False)
class _Job:
    """Coordinates of a collection, computed or in progress."""

    collection: Collection
    fraction: float = 0.0
    coordinates: Float32[np.ndarray, "n 2"] | None = None
    error: Exception | None = None
    thread: Thread = field(init=False)


class Maps:
    """Coordinates of the current vectors by each layout; recomputed when the vectors change. Thread-safe."""

    def __init__(self, address: str) -> None:
        """Cache files beside the gallery at `address` if that is a folder, else only in memory."""
        self.cache_folder = map_folder(address)
        self._address = address
        self._jobs: dict[Layout, _Job] = {}
        self._lock = Lock()

    def get(self, collection: Collection, layout: Layout) -> Float32[np.ndarray, "n 2"] | float:
        """Coordinates of every row, or the fraction done (0 to 1) while they are computed; the first call starts that.

        An error of the computation is raised here once; the call after it starts again.
        """
        job = self._job(collection, layout)
        if job.error is not None:
            self._jobs.pop(layout, None)
            raise job.error
        return job.fraction if job.coordinates is None else job.coordinates

    def wait(self, collection: Collection, layout: Layout) -> Float32[np.ndarray, "n 2"]:
        """Coordinates of every row; blocks until they are computed."""
        while True:
            self._job(collection, layout).thread.join()
            result = self.get(collection, layout)
            if not isinstance(result, float):
                return result

    def clear(self) -> None:
        """Delete all coordinates, in memory and on disk.

        Raises:
            StorageError: a file cannot be deleted.
        """
        with self._lock:
            self._jobs.clear()
            if self.cache_folder is not None:
                delete_projections(self.cache_folder)

    def _job(self, collection: Collection, layout: Layout) -> _Job:
        with self._lock:
            job = self._jobs.get(layout)
            if job is None or job.collection.vectors is not collection.vectors:
                job = _Job(collection)
                job.thread = Thread(target=self._compute, args=(job, layout), daemon=True)
                self._jobs[layout] = job
                job.thread.start()
            return job

    def _recorded_cache_folder(self) -> Path | None:
        """The cache folder, recorded as a copy so that deletion finds it; None if that fails or there is none."""
        if self.cache_folder is None:
            return None
        try:
            record_copy(self._address, "map", self.cache_folder)
        except StorageError:
            return None
        return self.cache_folder

    def _compute(self, job: _Job, layout: Layout) -> None:
        def progress(fraction: float) -> None:
            job.fraction = fraction

        vectors = np.ascontiguousarray(job.collection.vectors, dtype=np.float32)
        try:
            coordinates = project(
                vectors, layout, self._recorded_cache_folder(), job.collection.keys, progress
            )
        except Exception as error:  # re-raised by `get`
            job.error = error
            return
        job.coordinates = coordinates
        with self._lock:
            # Crops may have been deleted meanwhile, whose coordinates must not stay on disk.
            if self._jobs.get(layout) is not job and self.cache_folder is not None:
                delete_projections(self.cache_folder)


MAGIC = b"RSP1"


def points_as_bytes(
    coordinates: Float32[np.ndarray, "n 2"],
    cameras: Int64[np.ndarray, " n"],
    clusters: Int64[np.ndarray, " n"],
    keys: Sequence[str],
) -> bytes:
    """The points of a map in the format of this module: 8 + 32 n bytes.

    Raises:
        ValueError: the lengths differ, or a key is not a UUID.
    """
    count = len(coordinates)
    if not len(cameras) == len(clusters) == len(keys) == count:
        raise ValueError(
            f"{count} coordinates, {len(cameras)} cameras, {len(clusters)} clusters, {len(keys)} keys"
        )
    return b"".join(
        (
            MAGIC,
            np.uint32(count).astype("<u4").tobytes(),
            coordinates.astype("<f4").tobytes(),
            cameras.astype("<i4").tobytes(),
            clusters.astype("<i4").tobytes(),
            *(uuid.UUID(key).bytes for key in keys),
        )
    )
