"""The cache of decoded crops on disk: one folder per entry, written under a temporary name and then renamed.

The cache of features has entries of the same kind in a folder of its own.

There are no locks. Processes that decode the same entry at the same time each write a temporary folder; the first
rename wins, and the other folder is deleted. Folders left behind by killed processes are removed by the next process.

Every cache folder ever used is recorded in the user's state folder, so that `reseen forget` finds all copies of a crop.
"""

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from reseen.errors import StorageError
from reseen.files import append_line, host_name, is_alive
from reseen.reading import read_json, validate_as
from reseen.user_folders import cache_base, state_base

PIXELS_FILE = "pixels.npy"
"""The pixels of an entry, uint8 of shape (n, h, w, 3)."""

DETAILS_FILE = "entry.json"
"""Metadata of an entry: its root folder, number and size of images, unreadable files."""

SOURCES_FILE = "sources.json"
"""The source folders of an entry's crops, written before the pixels, so that unfinished entries have them too."""

RECORD_FILE = "cache-folders"
"""File in `state_base()` that lists all cache folders ever used, one JSON object per line."""

_TEMPORARY = ".tmp-"
_STALE_SECONDS = 24 * 3600


class _Details(BaseModel):
    """Schema of `DETAILS_FILE`; further keys are allowed."""

    model_config = ConfigDict(extra="allow")

    root: str
    images: int = Field(ge=0, lt=2**62)
    height: int = Field(ge=0, lt=2**31)
    width: int = Field(ge=0, lt=2**31)
    problems: dict[Annotated[str, Field(pattern=r"^[0-9]{1,15}$")], str]


@dataclass(frozen=True)
class CacheEntry:
    """A finished entry of the cache."""

    folder: Path
    size_bytes: int
    used: float
    """Time of last use, in seconds since 1970."""
    details: dict
    """The content of `DETAILS_FILE`."""

    @property
    def key(self) -> str:
        """The entry's `cache_key`."""
        return self.folder.name


def cache_folder(chosen: Path | None = None) -> Path:
    """The folder of the entries: `pixels` in `chosen`, or in `cache_base()` if None."""
    if chosen is not None:
        return chosen.expanduser() / "pixels"
    return cache_base() / "pixels"


def is_accessible(folder: Path) -> bool:
    """Whether a folder exists and can be accessed."""
    try:
        return folder.is_dir()
    except OSError:  # no permission for one of its parents
        return False


def entries(folder: Path) -> list[CacheEntry]:
    """All finished entries, least recently used first; unreadable ones are skipped."""
    finished = []
    for entry in folder.iterdir() if folder.is_dir() else ():
        try:
            details = read_details(entry)
            size = sum(file.stat().st_size for file in entry.iterdir())
            if not entry.name.startswith(_TEMPORARY):
                finished.append(CacheEntry(entry, size, (entry / DETAILS_FILE).stat().st_mtime, details))
        except (OSError, ValueError):
            continue
    return sorted(finished, key=lambda entry: entry.used)


def read_details(entry: Path) -> dict:
    """The metadata of an entry.

    Raises:
        OSError: the entry does not exist.
        ValueError: its `DETAILS_FILE` is damaged.
    """
    try:
        return validate_as(_Details, read_json(entry / DETAILS_FILE)).model_dump()
    except ValueError as error:
        raise ValueError(f"{entry / DETAILS_FILE} is damaged ({error})") from None


def touch(entry: Path) -> None:
    """Mark an entry as just used."""
    with suppress(OSError):  # a read-only cache can still be used
        os.utime(entry / DETAILS_FILE)


def create_entry(folder: Path, key: str, fill: Callable[[Path], dict], sources: Sequence[str] = ()) -> Path:
    """Create an entry for crops in the folders `sources`; `fill` writes `PIXELS_FILE` and returns the metadata.

    Raises:
        OSError: the disk is full or the folder cannot be written; the unfinished entry is removed.
    """
    temporary = folder / f"{_TEMPORARY}{key}-{host_name()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    temporary.mkdir(parents=True)
    try:
        record_folder(folder)
        if sources:
            (temporary / SOURCES_FILE).write_text(json.dumps(list(sources)), encoding="utf-8")
        details = fill(temporary)
        with (temporary / DETAILS_FILE).open("w", encoding="utf-8") as file:
            json.dump(details, file)
            file.flush()
            os.fsync(file.fileno())
        try:
            temporary.rename(folder / key)
            _sync(folder)
        except OSError:
            if not (folder / key / DETAILS_FILE).exists():  # else another process was first: use its entry
                raise
        return folder / key
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def evict(folder: Path, needed_bytes: int, cap_bytes: int) -> None:
    """Remove entries, least recently used first, until `needed_bytes` more fit below `cap_bytes`."""
    least_recent = entries(folder)
    total = sum(entry.size_bytes for entry in least_recent)
    for entry in least_recent:
        if total + needed_bytes <= cap_bytes:
            return
        remove(entry.folder)
        total -= entry.size_bytes


def remove(entry: Path) -> None:
    """Remove an entry; processes that have mapped its pixels keep them."""
    hidden = entry.with_name(f"{_TEMPORARY}{entry.name}-{host_name()}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        entry.rename(hidden)  # atomic, so that no process opens a half-deleted entry
    except OSError:
        hidden = entry
    shutil.rmtree(hidden, ignore_errors=True)


def clear(folder: Path) -> int:
    """Remove all entries and stale temporary folders, and return the number of bytes freed by entries."""
    removed = entries(folder)
    for entry in removed:
        remove(entry.folder)
    remove_stale(folder)
    return sum(entry.size_bytes for entry in removed if not entry.folder.exists())


def folders_holding(folder: Path, sources: Sequence[str] | None) -> list[Path]:
    """Folders in the cache folder that may hold pixels of crops in the folders `sources`.

    These are finished, unfinished and damaged entries. An entry whose own sources are unreadable is included, and all
    are if `sources` is None.
    """
    resolved = None if sources is None else [Path(os.path.realpath(source)) for source in sources]
    matching = []
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not entry.is_dir():
            continue
        of_entry = None if resolved is None else _sources(entry)
        if (
            resolved is None
            or of_entry is None
            or any(_overlap(one, other) for one in of_entry for other in resolved)
        ):
            matching.append(entry)
    return matching


def writer_process(entry: Path) -> int | None:
    """The ID of the process that is writing an entry; None if there is none on this machine."""
    if not entry.name.startswith(_TEMPORARY) or (entry / DETAILS_FILE).exists():
        return None
    host, process = _owner(entry)
    return int(process) if host == host_name() and process.isdecimal() and is_alive(int(process)) else None


def record_folder(folder: Path) -> None:
    """Record a cache folder in `RECORD_FILE`; does nothing if that cannot be written."""
    with suppress(OSError, StorageError):
        path = str(folder.absolute())
        if path not in dict(recorded_folders()):
            device = folder.stat().st_dev
            append_line(state_base() / RECORD_FILE, json.dumps({"folder": path, "device": device}))


def recorded_folders() -> list[tuple[str, int]]:
    """All recorded cache folders, each with the device number (`st_dev`) it had when it was recorded."""
    try:
        lines = (state_base() / RECORD_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, StorageError):
        return []
    devices: dict[str, int] = {}
    for line in lines:
        with suppress(ValueError, TypeError, KeyError, RecursionError):  # damaged lines are skipped
            values = json.loads(line)
            if isinstance(values["folder"], str) and isinstance(values["device"], int):
                devices[values["folder"]] = values["device"]
    return list(devices.items())


def is_unreachable(folder: Path, device: int) -> bool:
    """Whether a folder is missing because its disk is not mounted; False if it exists or was deleted from its disk."""
    if folder.exists():
        return False
    parent = next((parent for parent in folder.absolute().parents if parent.exists()), None)
    return parent is None or parent.stat().st_dev != device


def _sources(entry: Path) -> list[Path] | None:
    """The source folders of an entry, with symlinks resolved; None if the entry does not record them."""
    with suppress(OSError, ValueError, RecursionError):
        sources = json.loads((entry / SOURCES_FILE).read_text(encoding="utf-8"))
        if isinstance(sources, list) and sources and all(isinstance(source, str) for source in sources):
            return [Path(os.path.realpath(source)) for source in sources]
    with suppress(OSError, ValueError, RecursionError):
        root = read_details(entry).get("root")
        return [Path(os.path.realpath(root))] if isinstance(root, str) and root else None
    return None


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents


def _owner(temporary: Path) -> tuple[str, str]:
    """The host name and process ID in the name of a temporary folder."""
    host, process = ["", "", *temporary.name.split("-")][-3:-1]
    return host, process


def remove_stale(folder: Path) -> None:
    """Remove temporary folders whose process has ended or, if made on another machine, unchanged for a day."""
    for temporary in folder.glob(f"{_TEMPORARY}*") if folder.is_dir() else ():
        host, process = _owner(temporary)
        try:
            idle = time.time() - max(item.stat().st_mtime for item in (temporary, *temporary.iterdir()))
        except OSError:
            continue
        ours = host == host_name() and process.isdecimal()  # then its age does not matter
        if not is_alive(int(process)) if ours else idle > _STALE_SECONDS:
            shutil.rmtree(temporary, ignore_errors=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def source_folders(root: str | Path, paths: Iterable[str]) -> list[str]:
    """Absolute source folders of crops: the root, and the folders of paths that lead out of it."""
    base = str(Path(root).absolute())
    outside = set()
    for path in paths:
        if path.startswith("/") or ".." in path:
            file = Path(os.path.normpath(Path(base) / path.partition("::")[0]))
            if not file.is_relative_to(base):
                outside.add(str(file.parent))
    return [base, *sorted(outside)]
