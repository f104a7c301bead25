"""NumPy files, never unpickled: what a header declares is held against the file and free memory before it is read."""

import math
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from reseen.reading.memory import require_memory
from reseen.reading.regular import open_regular


def read_array(path: Path, mmap_mode: Literal["r", "r+", "c"] | None = None) -> np.ndarray:
    """The array of a .npy file, read or mapped into memory.

    Raises:
        OSError: the file is missing, cannot be read, or is no regular file.
        ValueError: it is none, declares more than it holds, or does not fit into free memory.
    """
    with open_regular(path) as file:
        shape, kind = _declared(file, path.stat().st_size)
    if mmap_mode is None or 0 in shape:  # nothing to map in an array without entries
        require_memory(_bytes(shape, kind), "this array")
        mmap_mode = None
    try:
        return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except (OSError, ValueError):
        raise
    except Exception as error:  # a foreign header makes NumPy's parser raise nearly anything
        raise ValueError(_reason(error)) from None


def read_archive(path: Path, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of a .npz file, all or those of `names` that are there.

    Raises:
        OSError: the file is missing, cannot be read, or is no regular file.
        ValueError: it is none, an array declares more than it holds, or they do not fit into free memory.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            wanted, needed = {}, 0
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if names is not None and name not in names:
                    continue
                if name in wanted:
                    raise ValueError(f"the array {name[:80]!r} is there twice")
                with archive.open(member) as content:
                    shape, kind = _declared(content, member.file_size)  # pyrefly: ignore
                needed += _bytes(shape, kind)
                wanted[name] = member
            require_memory(3 * needed, f"reading arrays of {needed / 1e9:,.1f} GB")
            found = {}
            for name, member in wanted.items():
                with archive.open(member) as content:
                    found[name] = np.lib.format.read_array(content, allow_pickle=False)
            return found
    except (OSError, ValueError, MemoryError) as error:
        if isinstance(error, MemoryError):
            raise ValueError("its arrays do not fit into memory") from None
        raise
    except Exception as error:  # a damaged archive makes zip and header parsers raise nearly anything
        raise ValueError(_reason(error)) from None


def _declared(file: BinaryIO, size: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type in a header, checked against the bytes that follow."""
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise ValueError(f"format {version} of NumPy, and 1.0 and 2.0 are read")
        shape, _, kind = read(file)
    except (OSError, ValueError):
        raise
    except Exception as error:  # a header is parsed as Python text
        raise ValueError(_reason(error)) from None
    if kind.hasobject:
        raise ValueError("pickled objects, which are refused because they can run code")
    if any(length < 0 for length in shape):
        raise ValueError(f"an array of shape {shape}")
    held = max(0, size)
    if _bytes(shape, kind) > held:
        raise ValueError(
            f"an array of shape {shape} and {kind} needs {_bytes(shape, kind):,} bytes, and {held:,} are there"
        )
    return shape, kind


def _bytes(shape: tuple[int, ...], kind: np.dtype[Any]) -> int:
    return math.prod(shape) * kind.itemsize


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
