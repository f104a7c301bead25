"""Readers of .npy and .npz files without pickle; declared sizes are checked against file and memory before reading."""

import math
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from reseen.reading.memory_check import require_memory
from reseen.reading.regular import open_regular


def read_array(path: Path, mmap_mode: Literal["r", "r+", "c"] | None = None) -> np.ndarray:
    """Read the array of a .npy file, or memory-map it with a `mmap_mode` of `numpy.load`.

    Raises:
        OSError: the file is missing, cannot be read, or is not a regular file.
        ValueError: it is not a .npy file, is shorter than its header declares, contains pickled objects, or does not
            fit into free memory.

    Example:
        >>> vectors = read_array(Path("vectors.npy"), mmap_mode="r")
    """
    with open_regular(path) as file:
        shape, dtype = _read_header(file, path.stat().st_size)
    if mmap_mode is None or 0 in shape:  # an empty array cannot be mapped
        require_memory(_byte_count(shape, dtype), "this array")
        mmap_mode = None
    try:
        return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except (OSError, ValueError):
        raise
    except Exception as error:  # a foreign header makes NumPy's parser raise nearly anything
        raise ValueError(_reason(error)) from None


def read_archive(path: Path, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """Read the arrays of a .npz file, by name: all of them, or those in `names` that exist.

    Raises:
        OSError: the file is missing, cannot be read, or is not a regular file.
        ValueError: it is not a .npz file, a name occurs twice, an array is shorter than its header declares or
            contains pickled objects, or the arrays do not fit into free memory.

    Example:
        >>> identities = read_archive(Path("query.npz"), ["identities"])["identities"]
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            members, needed = {}, 0
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if names is not None and name not in names:
                    continue
                if name in members:
                    raise ValueError(f"the array {name[:80]!r} occurs twice")
                with archive.open(member) as content:
                    shape, dtype = _read_header(content, member.file_size)  # pyrefly: ignore
                needed += _byte_count(shape, dtype)
                members[name] = member
            require_memory(3 * needed, f"reading arrays of {needed / 1e9:,.1f} GB")
            arrays = {}
            for name, member in members.items():
                with archive.open(member) as content:
                    arrays[name] = np.lib.format.read_array(content, allow_pickle=False)
            return arrays
    except (OSError, ValueError, MemoryError) as error:
        if isinstance(error, MemoryError):
            raise ValueError("its arrays do not fit into memory") from None
        raise
    except Exception as error:  # a damaged archive makes zip and header parsers raise nearly anything
        raise ValueError(_reason(error)) from None


def _read_header(file: BinaryIO, size: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and dtype in a header, checked against the `size` of the file in bytes."""
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise ValueError(f"NumPy format {version} is not supported; use 1.0 or 2.0")
        shape, _, dtype = read(file)
    except (OSError, ValueError):
        raise
    except Exception as error:  # a header is parsed as Python text
        raise ValueError(_reason(error)) from None
    if dtype.hasobject:
        raise ValueError("pickled objects, which are refused because they can run code")
    if any(length < 0 for length in shape):
        raise ValueError(f"an array of shape {shape}")
    available = max(0, size)
    if _byte_count(shape, dtype) > available:
        raise ValueError(
            f"an array of shape {shape} and {dtype} needs {_byte_count(shape, dtype):,} bytes, but the file has "
            f"{available:,}"
        )
    return shape, dtype


def _byte_count(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return math.prod(shape) * dtype.itemsize


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
