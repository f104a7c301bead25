"""Map coordinates of vectors by one of two layouts, cached on disk until the vectors change."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32

from reseen.errors import StorageError
from reseen.files import write_atomically
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
