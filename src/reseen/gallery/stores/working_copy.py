"""A copy of a gallery that cannot be written, for an engine that opens its files for writing even to read them."""

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
    """A folder of this process alone, below the folder for temporary files; `remove` deletes it.

    Raises:
        StorageError: there is no room, or the folder for temporary files cannot be written.
    """

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        """Copy the files and folders `names` of the gallery at `path`, those that are there."""
        _sweep()
        place = Path(tempfile.gettempdir())
        needed = sum(file.stat().st_blocks * 512 for name in names for file in _files(path / name))
        free = shutil.disk_usage(place).free
        if free < needed + _SPARE:
            raise StorageError(
                f"{path}: cannot be written, so it is searched in a copy, which needs "
                f"{(needed + _SPARE) / 1e6:,.0f} MB; {place} has {free / 1e6:,.0f} MB free; set "
                "TMPDIR to a folder with more"
            )
        try:
            self._temporary = tempfile.TemporaryDirectory(
                prefix=f"{_PREFIX}-{host_name()}-{os.getpid()}-", ignore_cleanup_errors=True
            )
        except OSError as error:
            raise storage_error(place, error) from None
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
        """Delete the copy; a second time does nothing."""
        self._temporary.cleanup()


def _files(place: Path) -> list[Path]:
    """The files at and below `place`."""
    return [place] if place.is_file() else [file for file in sorted(place.rglob("*")) if file.is_file()]


def _copy_sparse(source: Path, target: Path) -> None:
    """Copy a file without taking disk for what is zero: the engine's files are mostly room for later."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as reading, target.open("xb") as writing:
        while block := reading.read(_BLOCK):
            if block.count(0) == len(block):
                writing.seek(len(block), os.SEEK_CUR)
            else:
                writing.write(block)
        writing.truncate()


def _sweep() -> None:
    """Remove the copies of processes of this machine that were killed."""
    with suppress(OSError):
        for place in Path(tempfile.gettempdir()).glob(f"{_PREFIX}-{host_name()}-*-*"):
            process = place.name.split("-")[-2]
            if process.isdecimal() and not is_alive(int(process)):
                shutil.rmtree(place, ignore_errors=True)
