"""A folder of arrays on disk that are mapped into memory, and of the stages of work that are done.

The pages of a mapped file can be dropped by the system whenever memory is short, and read again: they are no memory
of the process. Space is taken from the disk when an array is made, so that a full disk is an error then and there;
met in the middle of a mapped write it would end the process.
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
    """Arrays below one folder, which belongs to one piece of work at a time."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, or make it.

        Raises:
            StorageError: it cannot be written.
        """
        self.folder = make_folder(folder)
        self.taken = 0
        """Bytes of disk that arrays have taken since, those included that are gone again."""

    def array(self, name: str, shape: tuple[int, ...], kind: type[np.generic]) -> np.ndarray:
        """A new array of zeros in the file `name`.npy, in place of one that is there.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        path = self.folder / f"{name}.npy"
        try:
            with create_file(path) as file:
                header = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_2_0(file, header)
                file.flush()
                size = int(np.prod(shape)) * np.dtype(kind).itemsize
                _take_room(file.fileno(), file.tell(), size)
                self.taken += size
        except OSError as error:
            path.unlink(missing_ok=True)
            raise storage_error(path, error) from None
        return self.open(name)

    def open(self, name: str) -> np.ndarray:
        """An array that is there, to read and to write.

        Raises:
            StorageError: a link has its name, or it is no file at all.
        """
        path = check_journal(self.folder / f"{name}.npy")
        return np.asarray(read_array(path, "r+"))

    def unnamed(self, shape: tuple[int, ...], kind: type[np.generic]) -> np.ndarray:
        """A new array of zeros without a name: its space is free again when nobody holds it any more.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        if size == 0:
            return np.zeros(shape, kind)
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                _take_room(file.fileno(), 0, size)
                self.taken += size
                return np.asarray(np.memmap(file, dtype=kind, mode="r+", shape=shape))
        except OSError as error:
            raise storage_error(self.folder, error) from None

    def done(self, stage: str, key: str) -> bool:
        """Whether a stage was finished with this key."""
        return self.note(stage).get("key") == key and bool(self.note(stage).get("done"))

    def note(self, stage: str) -> dict[str, Any]:
        """What was noted of a stage; nothing where there is none."""
        try:
            found = read_json(self.folder / f"{stage}.json")
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write_note(self, stage: str, key: str, done: bool = False, **more: int | str) -> None:
        """Note how far a stage is; what it has written before must be on the disk by then: see `flush`."""
        write_text(self.folder / f"{stage}.json", json.dumps({"key": key, "done": done, **more}))

    def flush(self, name: str) -> None:
        """Bring what was written into an array to the disk.

        Raises:
            StorageError: the disk did not take it.
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
        """Delete the folder with all that is in it."""
        with suppress(OSError):
            shutil.rmtree(self.folder)


def key_of(before: str, settings: Mapping[str, Any]) -> str:
    """A name for what a stage is made from: the key of the stage before and its own settings."""
    return hashlib.sha256(f"{before}\0{json.dumps(settings, sort_keys=True)}".encode()).hexdigest()[:32]


def _take_room(descriptor: int, start: int, size: int) -> None:
    """Bytes of the disk for `size` bytes from `start` on."""
    if size == 0:
        return
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, start, size)
        return
    os.lseek(descriptor, start, os.SEEK_SET)
    for begin in range(0, size, len(_ZEROS)):
        os.write(descriptor, _ZEROS[: size - begin])
