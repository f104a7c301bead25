"""The folder of an embedded gallery: metadata, lock, checks of disk space, and copies of read-only galleries.

The engine opens its files for writing even to read them, so a read-only gallery is searched in a temporary copy.
"""

import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from reseen.errors import GalleryError, StorageError
from reseen.export.fingerprint import ModelIdentity
from reseen.files import host_name, is_alive, is_temporary_of, make_folder, storage_error, write_text
from reseen.gallery.in_use import in_use
from reseen.locks import LOCK, Lock, acquire, acquire_read_only
from reseen.reading import read_json

_CARD = "gallery.json"
_DATA = "data"
_CLEANING = "cleaning"
_JOURNAL = "journal"
_FORMAT = 1
_SPARE = 256 * 2**20


class GalleryFolder:
    """A gallery folder, locked by one process at a time.

        gallery.json   engine, format and model
        lock           locked while a process has the gallery open; holds its process id
        cleaning       exists while the engine's files may hold bytes of deleted entries
        journal        entries about to replace others
        data/          the engine's files

    A read-only gallery can be searched: the engine then works on a temporary copy.

    Raises:
        GalleryError: the gallery does not exist and `create` is false, its metadata cannot be read, or it is in use.
        StorageError: a gallery is to be created and the folder cannot be written.
    """

    def __init__(self, path: Path, engine: str, model: ModelIdentity | None, create: bool) -> None:
        self.path = path
        self._engine = engine
        self._copy: WorkingCopy | None = None
        self.new = not (path / _CARD).is_file()
        if self.new:
            self._refuse_unless_creatable(create and model is not None)
        if self.new or create:
            make_folder(path)
        self.read_only = not os.access(path, os.W_OK)
        self._lock = self._hold()
        self._engine_path = path
        try:
            if self.new and model is not None:
                # left by a process killed while creating the gallery
                shutil.rmtree(self.data, ignore_errors=True)
                self.model = model
            else:
                self.model = self._read_card()
            if self.read_only:
                self._copy = WorkingCopy(path, (_DATA, _JOURNAL, _CLEANING))
                self._engine_path = self._copy.path
        except BaseException:
            self.release()
            raise

    @property
    def data(self) -> Path:
        """Folder of the engine's files."""
        return self._engine_path / _DATA

    @property
    def journal(self) -> Path:
        """File of entries about to replace others."""
        return self._engine_path / _JOURNAL

    def write_card(self) -> None:
        """Write the metadata: the last step of creating a gallery."""
        card = {"format": _FORMAT, "engine": self._engine, "model": self.model.to_json()}
        write_text(self.path / _CARD, json.dumps(card, indent=2) + "\n")

    @property
    def cleaning(self) -> bool:
        """Whether the engine's files may hold bytes of deleted entries."""
        return (self._engine_path / _CLEANING).exists()

    def begin_cleaning(self) -> None:
        """Mark, durably, that the engine's files may hold bytes of deleted entries."""
        write_text(
            self._engine_path / _CLEANING,
            "Deleted entries still have bytes in data/; opening the gallery removes them.\n",
        )

    def end_cleaning(self) -> None:
        """Remove the mark."""
        (self._engine_path / _CLEANING).unlink(missing_ok=True)

    def refuse_read_only(self) -> None:
        """Check that the gallery can be changed.

        Raises:
            StorageError: the folder is read-only.
        """
        if self.read_only:
            raise StorageError(
                f"{self.path}: this gallery cannot be written, only searched; make its folder writable, or copy the "
                "gallery elsewhere"
            )

    def require_space(self, size: int, purpose: str) -> None:
        """Check free disk space before a write, with a reserve of 256 MiB.

        The check is needed because the engine writes through memory maps, and on a full disk the system kills a process
        that does.

        Args:
            size: bytes to be written.
            purpose: what needs them, for the error.

        Raises:
            StorageError: too little space is free.
        """
        free = shutil.disk_usage(self.path).free
        if free < size + _SPARE:
            raise StorageError(
                f"{self.path}: {purpose} needs {(size + _SPARE) / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free; "
                "free some space and rerun the command, nothing is lost"
            )

    def size(self) -> int:
        """Disk usage of the engine's files in bytes."""
        return sum(file.stat().st_blocks * 512 for file in self.data.rglob("*") if file.is_file())

    def release(self) -> None:
        """Unlock the folder and delete its copy; a second call does nothing."""
        self._lock.release()
        if self._copy is not None:
            self._copy.remove()

    def _refuse_unless_creatable(self, create: bool) -> None:
        if not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir())):
            if not create:
                raise GalleryError(f"{self.path}: there is no gallery; create one with `reseen index`")
            return
        if not self.path.is_dir():
            raise GalleryError(f"{self.path}: this is a file, and a gallery is a folder; give another path")
        card = self.path / _CARD
        names = {entry.name for entry in self.path.iterdir() if not is_temporary_of(card, entry)}
        if not names <= {LOCK, _DATA}:
            raise GalleryError(
                f"{self.path}: this folder holds other files ({min(names - {LOCK, _DATA})}, ...) and is no gallery; "
                "give the folder of a gallery, or a new one"
            )
        if not create:
            raise GalleryError(
                f"{self.path}: the creation of this gallery was never completed; create it with `reseen index`"
            )

    def _hold(self) -> Lock:
        try:
            return acquire_read_only(self.path / LOCK) if self.read_only else acquire(self.path / LOCK)
        except BlockingIOError as holder:
            raise in_use(self.path, str(holder)) from None

    def _read_card(self) -> ModelIdentity:
        path = self.path / _CARD
        try:
            card = read_json(path)
            version, engine, model = card["format"], card["engine"], card["model"]
            if not isinstance(version, int) or not isinstance(engine, str) or not isinstance(model, str):
                raise ValueError("values of other types")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GalleryError(
                f"{path}: cannot be read ({error}); index the crops into a new gallery"
            ) from None
        if version != _FORMAT or engine != self._engine:
            raise GalleryError(
                f"{path}: written by {engine} in format {version}, this version of reseen reads {self._engine} in "
                f"format {_FORMAT}; use the version that created it, or index the crops into a new gallery"
            )
        return ModelIdentity.from_json(model)


_COPY_PREFIX = "reseen-gallery"
_COPY_BLOCK = 1 << 20
_COPY_SPARE = 64 * 2**20


class WorkingCopy:
    """A copy in the system's folder for temporary files, private to this process; `remove` deletes it.

    Raises:
        StorageError: too little space is free, or the temporary folder cannot be written.
    """

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        """Copy the files and folders `names` of the gallery at `path`, as far as they exist."""
        _remove_stale_copies()
        parent = Path(tempfile.gettempdir())
        size = sum(file.stat().st_blocks * 512 for name in names for file in _files_below(path / name))
        free = shutil.disk_usage(parent).free
        if free < size + _COPY_SPARE:
            raise StorageError(
                f"{path}: cannot be written, so it is searched in a copy, which needs "
                f"{(size + _COPY_SPARE) / 1e6:,.0f} MB; {parent} has {free / 1e6:,.0f} MB free; set "
                "TMPDIR to a folder with more"
            )
        try:
            self._temporary = tempfile.TemporaryDirectory(
                prefix=f"{_COPY_PREFIX}-{host_name()}-{os.getpid()}-", ignore_cleanup_errors=True
            )
        except OSError as error:
            raise storage_error(parent, error) from None
        self.path = Path(self._temporary.name)
        try:
            for name in names:
                for file in _files_below(path / name):
                    _copy_sparse(file, self.path / file.relative_to(path))
        except OSError as error:
            self.remove()
            raise StorageError(
                f"{path}: cannot be copied to {self.path} ({error.strerror or error})"
            ) from None

    def remove(self) -> None:
        """Delete the copy; a second call does nothing."""
        self._temporary.cleanup()


def _files_below(path: Path) -> list[Path]:
    """The files at and below `path`."""
    return [path] if path.is_file() else [file for file in sorted(path.rglob("*")) if file.is_file()]


def _copy_sparse(source: Path, target: Path) -> None:
    """Copy a file as a sparse one: the engine's files are preallocated and mostly zeros."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as reading, target.open("xb") as writing:
        while block := reading.read(_COPY_BLOCK):
            if block.count(0) == len(block):
                writing.seek(len(block), os.SEEK_CUR)
            else:
                writing.write(block)
        writing.truncate()


def _remove_stale_copies() -> None:
    """Remove copies left by killed processes of this machine."""
    with suppress(OSError):
        for copy in Path(tempfile.gettempdir()).glob(f"{_COPY_PREFIX}-{host_name()}-*-*"):
            process = copy.name.split("-")[-2]
            if process.isdecimal() and not is_alive(int(process)):
                shutil.rmtree(copy, ignore_errors=True)
