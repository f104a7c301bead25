"""The cache folder of decoded crops: one folder per entry, made under a temporary name and then renamed.

Nothing is locked. Two processes that prepare the same entry both write their own temporary folder; the first
rename wins and the other is thrown away. What a killed process leaves behind is removed by the next one.

Every folder that ever held entries is recorded among the user's own files, so that `reseen forget` can look at it.

Decode all crops of a table: into a cache entry, or only to learn which files are unreadable.
"""

import hashlib
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

import numpy as np
from jaxtyping import UInt8
from pydantic import BaseModel, ConfigDict, Field

from reseen.data.decode import (
    DECODE_VERSION,
    UnreadableError,
    decode,
    decode_with_levels,
    fit,
    quiet_pillow,
    read_bytes,
)
from reseen.data.image_source import ImageSource
from reseen.data.levels import Levels
from reseen.data.parallel import in_blocks
from reseen.data.progress import ProgressBar
from reseen.data.table import ImageTable
from reseen.errors import StorageError
from reseen.files import append_line, host_name, is_alive
from reseen.reading import read_json, validate_as
from reseen.user_folders import cache_base, state_base

PIXELS_FILE = "pixels.npy"
"""The array in an entry."""

DETAILS_FILE = "entry.json"
"""What the entry holds, for people and for checking."""

SOURCES_FILE = "sources.json"
"""The folders of the crops, written before any pixel, so that they are known of an unfinished entry too."""

RECORD_FILE = "cache-folders"
"""In `state_base()`: the folders that ever held entries, one JSON object per line."""

_TEMPORARY = ".tmp-"
_STALE_SECONDS = 24 * 3600


class _Details(BaseModel):
    """What an entry says about itself; it may say more."""

    model_config = ConfigDict(extra="allow")

    root: str
    images: int = Field(ge=0, lt=2**62)
    height: int = Field(ge=0, lt=2**31)
    width: int = Field(ge=0, lt=2**31)
    problems: dict[Annotated[str, Field(pattern=r"^[0-9]{1,15}$")], str]


@dataclass(frozen=True)
class CacheEntry:
    """Decoded crops on disk. `used`: seconds since 1970."""

    folder: Path
    size_bytes: int
    used: float
    details: dict

    @property
    def key(self) -> str:
        """The hash of files and geometry that names the entry."""
        return self.folder.name


def cache_folder(chosen: Path | None = None) -> Path:
    """Where decoded crops are kept, below `chosen`, `$RESEEN_CACHE`, or `reseen` in the user's caches."""
    if chosen is not None:
        return chosen.expanduser() / "pixels"
    return cache_base() / "pixels"


def is_accessible(folder: Path) -> bool:
    """Whether a folder is there and may be looked at."""
    try:
        return folder.is_dir()
    except OSError:  # a folder above it may not be entered
        return False


def entries(folder: Path) -> list[CacheEntry]:
    """All finished entries, least recently used first; what cannot be read is left out."""
    found = []
    for place in folder.iterdir() if folder.is_dir() else ():
        try:
            details = read_details(place)
            size = sum(file.stat().st_size for file in place.iterdir())
            if not place.name.startswith(_TEMPORARY):
                found.append(CacheEntry(place, size, (place / DETAILS_FILE).stat().st_mtime, details))
        except (OSError, ValueError):
            continue
    return sorted(found, key=lambda entry: entry.used)


def read_details(entry: Path) -> dict:
    """What an entry says about itself.

    Raises:
        OSError: it is gone.
        ValueError: the file is damaged.
    """
    try:
        return validate_as(_Details, read_json(entry / DETAILS_FILE)).model_dump()
    except ValueError as error:
        raise ValueError(f"{entry / DETAILS_FILE} is damaged ({error})") from None


def touch(entry: Path) -> None:
    """Mark an entry as just used."""
    with suppress(OSError):  # someone else's read-only cache is used all the same
        os.utime(entry / DETAILS_FILE)


def create_entry(folder: Path, key: str, fill: Callable[[Path], dict], sources: Sequence[str] = ()) -> Path:
    """Make an entry of crops in the folders `sources`: `fill` writes `PIXELS_FILE` and returns the details.

    Raises:
        OSError: the disk is full or the folder cannot be written; nothing is left behind.
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
            if not (folder / key / DETAILS_FILE).exists():  # else another process was first: its entry serves
                raise
        return folder / key
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def evict(folder: Path, needed_bytes: int, cap_bytes: int) -> None:
    """Remove entries, least recently used first, until `needed_bytes` more fit under the cap."""
    held = entries(folder)
    total = sum(entry.size_bytes for entry in held)
    for entry in held:
        if total + needed_bytes <= cap_bytes:
            return
        remove(entry.folder)
        total -= entry.size_bytes


def remove(entry: Path) -> None:
    """Remove an entry; a process that has it open keeps its pixels."""
    hidden = entry.with_name(f"{_TEMPORARY}{entry.name}-{host_name()}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        entry.rename(hidden)  # at once, so that nobody opens half an entry
    except OSError:
        hidden = entry
    shutil.rmtree(hidden, ignore_errors=True)


def clear(folder: Path) -> int:
    """Remove every entry and abandoned temporary; returns the bytes freed."""
    held = entries(folder)
    for entry in held:
        remove(entry.folder)
    remove_stale(folder)
    return sum(entry.size_bytes for entry in held if not entry.folder.exists())


def folders_holding(folder: Path, sources: Sequence[str] | None) -> list[Path]:
    """Folders inside the cache folder that may hold pixels of crops below `sources`, finished, damaged or half removed.

    Those of other crops are left out; where it cannot be read whose pixels a folder holds, it is among them. With None
    for unknown sources, all are.
    """
    wanted = None if sources is None else [Path(os.path.realpath(source)) for source in sources]
    found = []
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not place.is_dir():
            continue
        held = None if wanted is None else _sources(place)
        if wanted is None or held is None or any(_overlap(one, other) for one in held for other in wanted):
            found.append(place)
    return found


def writer_process(place: Path) -> int | None:
    """The number of the process that decodes crops into a folder of the cache right now; None where none does."""
    if not place.name.startswith(_TEMPORARY) or (place / DETAILS_FILE).exists():
        return None
    host, process = _owner(place)
    return int(process) if host == host_name() and process.isdecimal() and is_alive(int(process)) else None


def record_folder(folder: Path) -> None:
    """Note that a folder holds decoded crops; where that cannot be noted, nothing happens."""
    with suppress(OSError, StorageError):
        place = str(folder.absolute())
        if place not in dict(recorded_folders()):
            device = folder.stat().st_dev
            append_line(state_base() / RECORD_FILE, json.dumps({"folder": place, "device": device}))


def recorded_folders() -> list[tuple[str, int]]:
    """Each folder that ever held entries, as far as it was noted, with the number of its device then."""
    try:
        lines = (state_base() / RECORD_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, StorageError):
        return []
    found: dict[str, int] = {}
    for line in lines:
        with suppress(ValueError, TypeError, KeyError, RecursionError):  # a damaged line costs itself alone
            values = json.loads(line)
            if isinstance(values["folder"], str) and isinstance(values["device"], int):
                found[values["folder"]] = values["device"]
    return list(found.items())


def is_unreachable(folder: Path, device: int) -> bool:
    """Whether a folder is not there because its disk is not; False where it is there, or was removed from its disk."""
    if folder.exists():
        return False
    above = next((place for place in folder.absolute().parents if place.exists()), None)
    return above is None or above.stat().st_dev != device


def _sources(place: Path) -> list[Path] | None:
    """Where the crops of a folder in the cache lie, without links; None where it does not say."""
    with suppress(OSError, ValueError, RecursionError):
        given = json.loads((place / SOURCES_FILE).read_text(encoding="utf-8"))
        if isinstance(given, list) and given and all(isinstance(source, str) for source in given):
            return [Path(os.path.realpath(source)) for source in given]
    with suppress(OSError, ValueError, RecursionError):
        root = read_details(place).get("root")
        return [Path(os.path.realpath(root))] if isinstance(root, str) and root else None
    return None


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents


def _owner(place: Path) -> tuple[str, str]:
    """Machine and process number in the name of a temporary folder."""
    host, process = ["", "", *place.name.split("-")][-3:-1]
    return host, process


def remove_stale(folder: Path) -> None:
    """Remove temporaries whose process is gone, or, made on another machine, untouched for a day."""
    for place in folder.glob(f"{_TEMPORARY}*") if folder.is_dir() else ():
        host, process = _owner(place)
        try:
            idle = time.time() - max(item.stat().st_mtime for item in (place, *place.iterdir()))
        except OSError:
            continue
        ours = host == host_name() and process.isdecimal()  # whatever the clock says of it
        if not is_alive(int(process)) if ours else idle > _STALE_SECONDS:
            shutil.rmtree(place, ignore_errors=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_BLOCK = 64
_SAMPLE = 64

Problems = dict[int, str]
"""Row number to what is wrong with the file."""


def cache_key(table: ImageTable, height: int, width: int, white_level: float | None = None) -> str:
    """Name of the cache entry: hash of paths, sizes, times of change, geometry, white level and decoder version."""
    level = "" if white_level is None else f" {white_level:g}"
    digest = hashlib.sha256(f"{DECODE_VERSION} {height} {width}{level}\0".encode())
    for row, relative in enumerate(table.paths):
        digest.update(os.fsencode(f"{relative}\0{table.source(row).stamp()}\0"))
    return digest.hexdigest()[:32]


def needed_bytes(table: ImageTable, height: int, width: int) -> int:
    """Bytes that the decoded crops take."""
    return len(table) * height * width * 3


def decode_rows(
    table: ImageTable, rows: range | list[int], height: int, width: int, white_level: float | None = None
) -> tuple[UInt8[np.ndarray, "b h w 3"], Problems]:
    """Decode and resize some rows; an unreadable one stays black and is named."""
    pixels = np.zeros((len(rows), height, width, 3), dtype=np.uint8)
    problems: Problems = {}
    for place, row in enumerate(rows):
        try:
            pixels[place] = fit(decode(read_bytes(table.source(row)), white_level), height, width)
        except UnreadableError as error:
            problems[row] = str(error)
    return pixels, problems


def write_entry(
    folder: Path,
    key: str,
    table: ImageTable,
    height: int,
    width: int,
    progress: bool,
    white_level: float | None = None,
) -> Path:
    """Decode the table into a new cache entry.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """

    def fill(place: Path) -> dict:
        problems: Problems = {}
        shape = (len(table), height, width, 3)
        with (place / PIXELS_FILE).open("wb") as file:
            # Plain writes, not a memory map: a full disk then is an error and not the end of the process.
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            with ProgressBar("Decoding crops", len(table), progress) as bar, quiet_pillow():
                work = in_blocks(
                    lambda rows: decode_rows(table, rows, height, width, white_level), len(table), _BLOCK
                )
                for rows, (pixels, found) in work:
                    file.write(pixels.data)
                    problems |= found
                    bar.advance(len(rows))
            file.flush()
            os.fsync(file.fileno())
        names = {"root": str(table.root), "images": len(table), "height": height, "width": width}
        return names | {"problems": {str(row): reason for row, reason in problems.items()}}

    return create_entry(folder, key, fill, source_folders(table.root, table.paths))


def source_folders(root: str | Path, paths: Iterable[str]) -> list[str]:
    """The absolute folders in which crops lie: the root, and those of paths that lead out of it."""
    base = str(Path(root).absolute())
    outside = set()
    for path in paths:
        if path.startswith("/") or ".." in path:
            place = Path(os.path.normpath(Path(base) / path.partition("::")[0]))
            if not place.is_relative_to(base):
                outside.add(str(place.parent))
    return [base, *sorted(outside)]


def verify(table: ImageTable, progress: bool, white_level: float | None = None) -> Problems:
    """Decode everything, keep nothing, and say which rows are unreadable."""
    problems: Problems = {}

    def work(rows: range) -> Problems:
        return {row: reason for row in rows if (reason := problem_of(table.source(row), white_level))}

    with ProgressBar("Checking crops", len(table), progress) as bar, quiet_pillow():
        for rows, found in in_blocks(work, len(table), _BLOCK):
            problems |= found
            bar.advance(len(rows))
    return problems


def sample_levels(table: ImageTable) -> list[Levels]:
    """Values of images of more than 8 bits among 64 crops spread over the table."""
    if all(path.lower().endswith((".jpg", ".jpeg")) for path in table.paths):
        return []
    found = []
    with quiet_pillow():
        for row in (
            np.unique(np.linspace(0, len(table) - 1, _SAMPLE).astype(int)).tolist() if len(table) else ()
        ):
            try:
                levels = decode_with_levels(read_bytes(table.source(row))).levels
            except UnreadableError:
                continue
            if levels is not None:
                found.append(levels)
    return found


def problem_of(source: ImageSource, white_level: float | None = None) -> str:
    """What is wrong with a crop; empty when it can be read."""
    try:
        decode(read_bytes(source), white_level)
    except UnreadableError as error:
        return str(error)
    return ""
