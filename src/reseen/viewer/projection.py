"""Vectors to places in a square, by one of two ways, kept beside the gallery until its content changes."""

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
from reseen.viewer.neighbor_layout import neighbor_layout
from reseen.viewer.pca import principal

Layout = Literal["neighbors", "principal"]
"""`neighbors` keeps together who is near; `principal` keeps large distances, by two principal components."""

_VERSION = "1"
"""Raised when a layout changes, so that an old file is not taken for a new one."""


def project(
    vectors: Float32[np.ndarray, "n d"],
    layout: Layout,
    kept_in: Path | None = None,
    keys: Sequence[str] = (),
    progress: Callable[[float], None] = lambda _: None,
) -> Float32[np.ndarray, "n 2"]:
    """Places of unit rows, each within -1 to 1, the longer side filled; read from `kept_in` where they are there.

    A file is named by a digest of vectors and keys; those of other content are removed when one is written. A folder
    that cannot be written, or a damaged file, costs time only.
    """
    path = None if kept_in is None else kept_in / f"{layout}-{_digest(vectors, keys)}.npy"
    kept = None if path is None else _read(path, len(vectors))
    if kept is not None:
        progress(1.0)
        return kept
    places = _filling(
        principal(vectors) if layout == "principal" else neighbor_layout(vectors, progress=progress)
    )
    if path is not None:
        _keep(path, layout, places)
    progress(1.0)
    return places


def forget_projections(kept_in: Path) -> None:
    """Remove every file of `project` in a folder, and the folder where nothing else is in it.

    Raises:
        StorageError: a file cannot be removed.
    """
    for path in _files(kept_in):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{path}: cannot be removed ({error.strerror}); remove it by hand") from None
    with suppress(OSError):
        kept_in.rmdir()


def _filling(places: np.ndarray) -> Float32[np.ndarray, "n 2"]:
    """Centered, the longer side from -1 to 1; one column is laid along the first axis."""
    if not len(places):
        return np.empty((0, 2), np.float32)
    if places.shape[1] < 2:
        places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    low, high = places.min(axis=0), places.max(axis=0)
    half = float((high - low).max()) / 2
    return np.clip((places - (low + high) / 2) / (half if half > 0 else 1.0), -1, 1).astype(np.float32)


def _digest(vectors: np.ndarray, keys: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{_VERSION} {vectors.shape}\n".encode())
    digest.update(np.ascontiguousarray(vectors).tobytes())
    digest.update("\n".join(keys).encode())
    return digest.hexdigest()[:32]


def _read(path: Path, count: int) -> Float32[np.ndarray, "n 2"] | None:
    try:
        places = read_array(path)
    except (OSError, ValueError):
        return None
    whole = places.shape == (count, 2) and places.dtype == np.float32 and bool(np.isfinite(places).all())
    return places if whole else None


def _files(folder: Path) -> list[Path]:
    return [path for layout in ("neighbors", "principal") for path in folder.glob(f"{layout}-*.npy")]


def _keep(path: Path, layout: Layout, places: np.ndarray) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.save(file, places, allow_pickle=False)

    with suppress(StorageError):
        write_atomically(path, write)
        for other in path.parent.glob(f"{layout}-*.npy"):
            if other != path:
                other.unlink(missing_ok=True)
