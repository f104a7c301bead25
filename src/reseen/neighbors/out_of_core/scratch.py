"""A scratch folder of memory-mapped arrays, with a record of the stages that are finished.

The system can evict pages of a mapped file at any time and read them again, so they do not count towards the memory of
the process. Disk space is allocated when an array is created: a full disk is then an error, whereas during a write to
mapped memory it would kill the process.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from reseen.files import check_journal, create_file, make_folder, open_regular, storage_error, write_text
from reseen.reading import read_array, read_json

_ZEROS = bytes(1 << 20)


class Scratch:
    """Memory-mapped arrays in a folder, for use by one job at a time."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, or create it.

        Raises:
            StorageError: it cannot be written.
        """
        self.folder = make_folder(folder)
        self.taken = 0
        """Bytes of disk space allocated by this object, including arrays that were deleted since."""

    def array(self, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
        """A new array of zeros in the file `name`.npy, replacing an existing one.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        path = self.folder / f"{name}.npy"
        try:
            with create_file(path) as file:
                header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_2_0(file, header)
                file.flush()
                size = int(np.prod(shape)) * np.dtype(dtype).itemsize
                _allocate_space(file.fileno(), file.tell(), size)
                self.taken += size
        except OSError as error:
            path.unlink(missing_ok=True)
            raise storage_error(path, error) from None
        return self.open(name)

    def open(self, name: str) -> np.ndarray:
        """The existing array `name`, for reading and writing.

        Raises:
            StorageError: its path is a link, or not a regular file.
        """
        path = check_journal(self.folder / f"{name}.npy")
        return np.asarray(read_array(path, "r+"))

    def unnamed(self, shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
        """A new array of zeros in a temporary file: its disk space is freed when the array is deleted.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size == 0:
            return np.zeros(shape, dtype)
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                _allocate_space(file.fileno(), 0, size)
                self.taken += size
                return np.asarray(np.memmap(file, dtype=dtype, mode="r+", shape=shape))
        except OSError as error:
            raise storage_error(self.folder, error) from None

    def done(self, stage: str, key: str) -> bool:
        """Whether a stage is finished with this key."""
        return self.note(stage).get("key") == key and bool(self.note(stage).get("done"))

    def note(self, stage: str) -> dict[str, Any]:
        """The record of a stage; empty if there is none."""
        try:
            record = read_json(self.folder / f"{stage}.json")
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def write_note(self, stage: str, key: str, done: bool = False, **more: int | str) -> None:
        """Record the progress of a stage; the arrays that it has written must be flushed before: see `flush`."""
        write_text(self.folder / f"{stage}.json", json.dumps({"key": key, "done": done, **more}))

    def flush(self, name: str) -> None:
        """Write the changes of an array to the disk (fsync).

        Raises:
            StorageError: the disk cannot be written.
        """
        path = self.folder / f"{name}.npy"
        try:
            descriptor = open_regular(path, os.O_RDWR)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise storage_error(path, error) from None

    def remove(self) -> None:
        """Delete the folder and its contents; errors are ignored."""
        with suppress(OSError):
            shutil.rmtree(self.folder)


def stage_key(before: str, settings: Mapping[str, Any]) -> str:
    """A hash of a stage's inputs: the key of the previous stage and the stage's own settings."""
    return hashlib.sha256(f"{before}\0{json.dumps(settings, sort_keys=True)}".encode()).hexdigest()[:32]


def _allocate_space(descriptor: int, start: int, size: int) -> None:
    """Allocate disk space for `size` bytes of a file, from offset `start`."""
    if size == 0:
        return
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, start, size)
        return
    os.lseek(descriptor, start, os.SEEK_SET)
    for begin in range(0, size, len(_ZEROS)):
        os.write(descriptor, _ZEROS[: size - begin])
