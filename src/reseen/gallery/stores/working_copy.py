"""Temporary copies of read-only galleries, for an engine that opens its files for writing even to read them."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from reseen.errors import StorageError
from reseen.files import host_name, is_alive, storage_error

_PREFIX = "reseen-gallery"
_BLOCK = 1 << 20
_SPARE = 64 * 2**20


class WorkingCopy:
    """A copy in the system's folder for temporary files, private to this process; `remove` deletes it.

    Raises:
        StorageError: too little space is free, or the temporary folder cannot be written.
    """

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        """Copy the files and folders `names` of the gallery at `path`, as far as they exist."""
        _remove_stale_copies()
        parent = Path(tempfile.gettempdir())
        size = sum(file.stat().st_blocks * 512 for name in names for file in _files(path / name))
        free = shutil.disk_usage(parent).free
        if free < size + _SPARE:
            raise StorageError(
                f"{path}: cannot be written, so it is searched in a copy, which needs "
                f"{(size + _SPARE) / 1e6:,.0f} MB; {parent} has {free / 1e6:,.0f} MB free; set "
                "TMPDIR to a folder with more"
            )
        try:
            self._temporary = tempfile.TemporaryDirectory(
                prefix=f"{_PREFIX}-{host_name()}-{os.getpid()}-", ignore_cleanup_errors=True
            )
        except OSError as error:
            raise storage_error(parent, error) from None
        self.path = Path(self._temporary.name)
        try:
            for name in names:
                for file in _files(path / name):
                    _copy_sparse(file, self.path / file.relative_to(path))
        except OSError as error:
            self.remove()
            raise StorageError(
                f"{path}: cannot be copied to {self.path} ({error.strerror or error})"
            ) from None

    def remove(self) -> None:
        """Delete the copy; a second call does nothing."""
        self._temporary.cleanup()


def _files(path: Path) -> list[Path]:
    """The files at and below `path`."""
    return [path] if path.is_file() else [file for file in sorted(path.rglob("*")) if file.is_file()]


def _copy_sparse(source: Path, target: Path) -> None:
    """Copy a file as a sparse one: the engine's files are preallocated and mostly zeros."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as reading, target.open("xb") as writing:
        while block := reading.read(_BLOCK):
            if block.count(0) == len(block):
                writing.seek(len(block), os.SEEK_CUR)
            else:
                writing.write(block)
        writing.truncate()


def _remove_stale_copies() -> None:
    """Remove copies left by killed processes of this machine."""
    with suppress(OSError):
        for copy in Path(tempfile.gettempdir()).glob(f"{_PREFIX}-{host_name()}-*-*"):
            process = copy.name.split("-")[-2]
            if process.isdecimal() and not is_alive(int(process)):
                shutil.rmtree(copy, ignore_errors=True)
