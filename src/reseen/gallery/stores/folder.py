"""The folder of an embedded gallery: its card, its lock, its room on the disk."""

import json
import os
import shutil
from pathlib import Path

from reseen.errors import GalleryError, StorageError
from reseen.export.fingerprint import ModelIdentity
from reseen.files import is_temporary_of, make_folder, write_text
from reseen.gallery.in_use import in_use
from reseen.gallery.stores.working_copy import WorkingCopy
from reseen.locks import LOCK, Lock, acquire, acquire_read_only
from reseen.reading import read_json

_CARD = "gallery.json"
_DATA = "data"
_CLEANING = "cleaning"
_JOURNAL = "journal"
_FORMAT = 1
_SPARE = 256 * 2**20


class GalleryFolder:
    """A folder that one process holds at a time.

        gallery.json   which engine keeps it, and which model made it
        lock           held while a process has the gallery open; names that process
        cleaning       there while deleted entries still have bytes in the engine's files
        journal        entries about to replace others
        data/          the engine's files

    A gallery that is there and cannot be written is opened all the same, to be searched: the engine works in a copy.

    Raises:
        GalleryError: there is no gallery and none is to be made; its card cannot be read; another process holds it.
        StorageError: the folder cannot be written, and a gallery is to be made or added to.
    """

    def __init__(self, path: Path, engine: str, model: ModelIdentity | None, create: bool) -> None:
        self.path = path
        self._engine = engine
        self._copy: WorkingCopy | None = None
        self.new = not (path / _CARD).is_file()
        if self.new:
            self._refuse_what_is_none(create and model is not None)
        if self.new or create:
            make_folder(path)
        self.read_only = not os.access(path, os.W_OK)
        self._lock = self._hold()
        self._place = path
        try:
            if self.new and model is not None:
                shutil.rmtree(self.data, ignore_errors=True)  # of a process killed while it made the gallery
                self.model = model
            else:
                self.model = self._read_card()
            if self.read_only:
                self._copy = WorkingCopy(path, (_DATA, _JOURNAL, _CLEANING))
                self._place = self._copy.path
        except BaseException:
            self.release()
            raise

    @property
    def data(self) -> Path:
        """The engine's files."""
        return self._place / _DATA

    @property
    def journal(self) -> Path:
        """Entries about to replace others."""
        return self._place / _JOURNAL

    def write_card(self) -> None:
        """Make the folder a gallery: the last step of making one."""
        card = {"format": _FORMAT, "engine": self._engine, "model": self.model.to_json()}
        write_text(self.path / _CARD, json.dumps(card, indent=2) + "\n")

    @property
    def cleaning(self) -> bool:
        """Whether bytes of deleted entries may be left in the engine's files."""
        return (self._place / _CLEANING).exists()

    def begin_cleaning(self) -> None:
        """Remember, through a crash too, that bytes of deleted entries may be left."""
        write_text(
            self._place / _CLEANING,
            "Deleted entries still have bytes in data/; opening the gallery removes them.\n",
        )

    def end_cleaning(self) -> None:
        """Forget it."""
        (self._place / _CLEANING).unlink(missing_ok=True)

    def refuse_read_only(self) -> None:
        """Raise StorageError where the gallery can only be searched."""
        if self.read_only:
            raise StorageError(
                f"{self.path}: this gallery cannot be written, only searched; make its folder writable, or copy it to "
                "another place"
            )

    def need_room(self, wanted: int, purpose: str) -> None:
        """Raise StorageError where less than `wanted` bytes and a reserve are free.

        Asked for before anything is written: engines write through memory maps, and the system kills a process that
        fills one on a full disk.
        """
        free = shutil.disk_usage(self.path).free
        if free < wanted + _SPARE:
            raise StorageError(
                f"{self.path}: {purpose} needs {(wanted + _SPARE) / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free; "
                "free some space and give the command again, nothing is lost"
            )

    def size(self) -> int:
        """Bytes that the engine's files take on the disk."""
        return sum(file.stat().st_blocks * 512 for file in self.data.rglob("*") if file.is_file())

    def release(self) -> None:
        """Let go of the folder; a second time does nothing."""
        self._lock.release()
        if self._copy is not None:
            self._copy.remove()

    def _refuse_what_is_none(self, create: bool) -> None:
        if not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir())):
            if not create:
                raise GalleryError(f"{self.path}: there is no gallery; make one with `reseen index`")
            return
        if not self.path.is_dir():
            raise GalleryError(f"{self.path}: this is a file, and a gallery is a folder; give another place")
        card = self.path / _CARD
        names = {entry.name for entry in self.path.iterdir() if not is_temporary_of(card, entry)}
        if not names <= {LOCK, _DATA}:
            raise GalleryError(
                f"{self.path}: this folder holds other files ({min(names - {LOCK, _DATA})}, ...) and is no gallery; "
                "give that of a gallery, or a new one"
            )
        if not create:
            raise GalleryError(
                f"{self.path}: a gallery was begun here and never made; make it with `reseen index`"
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
            found, engine, model = card["format"], card["engine"], card["model"]
            if not isinstance(found, int) or not isinstance(engine, str) or not isinstance(model, str):
                raise ValueError("parts of other types")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GalleryError(
                f"{path}: cannot be read ({error}); index the crops into a new gallery"
            ) from None
        if found != _FORMAT or engine != self._engine:
            raise GalleryError(
                f"{path}: kept by {engine} in format {found}, and this reseen reads {self._engine} in format {_FORMAT}"
                "; use the reseen that made it, or index the crops into a new gallery"
            )
        return ModelIdentity.from_json(model)
