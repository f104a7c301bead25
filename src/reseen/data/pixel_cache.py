"""The cache folder of decoded crops: one folder per entry, made under a temporary name and then renamed.

Nothing is locked. Two processes that prepare the same entry both write their own temporary folder; the first
rename wins and the other is thrown away. What a killed process leaves behind is removed by the next one.

Decode all crops of a table: into a cache entry, or only to learn which files are unreadable.
"""

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import UInt8
from pydantic import BaseModel, ConfigDict, Field

from reseen.data import pixel_cache as cache
from reseen.data.decode import DECODE_VERSION, UnreadableError, decode, fit, quiet_pillow, read_bytes
from reseen.data.image_source import Source
from reseen.data.parallel import in_blocks
from reseen.data.progress import ProgressBar
from reseen.data.table import ImageTable
from reseen.files import host_name, is_alive
from reseen.reading import read_json, validate_as

PIXELS_FILE = "pixels.npy"
"""The array in an entry."""

DETAILS_FILE = "entry.json"
"""What the entry holds, for people and for checking."""

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
    own, general = os.environ.get("RESEEN_CACHE"), os.environ.get("XDG_CACHE_HOME")
    base = Path(own) if own else Path(general or Path.home() / ".cache") / "reseen"
    return base.expanduser() / "pixels"


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


def make(folder: Path, key: str, fill: Callable[[Path], dict]) -> Path:
    """Make an entry: `fill` writes `PIXELS_FILE` in the folder it is given and returns the details.

    Raises:
        OSError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    temporary = folder / f"{_TEMPORARY}{key}-{host_name()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    temporary.mkdir(parents=True)
    try:
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
    sweep(folder)
    return sum(entry.size_bytes for entry in held if not entry.folder.exists())


def sweep(folder: Path) -> None:
    """Remove temporaries whose process is gone, or, made on another machine, untouched for a day."""
    for place in folder.glob(f"{_TEMPORARY}*") if folder.is_dir() else ():
        host, process = ["", "", *place.name.split("-")][-3:-1]
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

Problems = dict[int, str]
"""Row number to what is wrong with the file."""


def cache_key(table: ImageTable, height: int, width: int) -> str:
    """Name of the cache entry: hash of paths, sizes, times of change, geometry and decoder version."""
    digest = hashlib.sha256(f"{DECODE_VERSION} {height} {width}\0".encode())
    for row, relative in enumerate(table.paths):
        digest.update(os.fsencode(f"{relative}\0{table.source(row).stamp()}\0"))
    return digest.hexdigest()[:32]


def needed_bytes(table: ImageTable, height: int, width: int) -> int:
    """Bytes that the decoded crops take."""
    return len(table) * height * width * 3


def decode_rows(
    table: ImageTable, rows: range | list[int], height: int, width: int
) -> tuple[UInt8[np.ndarray, "b h w 3"], Problems]:
    """Decode and resize some rows; an unreadable one stays black and is named."""
    pixels = np.zeros((len(rows), height, width, 3), dtype=np.uint8)
    problems: Problems = {}
    for place, row in enumerate(rows):
        try:
            pixels[place] = fit(decode(read_bytes(table.source(row))), height, width)
        except UnreadableError as error:
            problems[row] = str(error)
    return pixels, problems


def write_entry(folder: Path, key: str, table: ImageTable, height: int, width: int, progress: bool) -> Path:
    """Decode the table into a new cache entry.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """

    def fill(place: Path) -> dict:
        problems: Problems = {}
        shape = (len(table), height, width, 3)
        with (place / cache.PIXELS_FILE).open("wb") as file:
            # Plain writes, not a memory map: a full disk then is an error and not the end of the process.
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            with ProgressBar("Decoding crops", len(table), progress) as bar, quiet_pillow():
                work = in_blocks(lambda rows: decode_rows(table, rows, height, width), len(table), _BLOCK)
                for rows, (pixels, found) in work:
                    file.write(pixels.data)
                    problems |= found
                    bar.advance(len(rows))
            file.flush()
            os.fsync(file.fileno())
        names = {"root": str(table.root), "images": len(table), "height": height, "width": width}
        return names | {"problems": {str(row): reason for row, reason in problems.items()}}

    return cache.make(folder, key, fill)


def verify(table: ImageTable, progress: bool) -> Problems:
    """Decode everything, keep nothing, and say which rows are unreadable."""
    problems: Problems = {}

    def work(rows: range) -> Problems:
        return {row: reason for row in rows if (reason := problem_of(table.source(row)))}

    with ProgressBar("Checking crops", len(table), progress) as bar, quiet_pillow():
        for rows, found in in_blocks(work, len(table), _BLOCK):
            problems |= found
            bar.advance(len(rows))
    return problems


def problem_of(source: Source) -> str:
    """What is wrong with a crop; empty when it can be read."""
    try:
        decode(read_bytes(source))
    except UnreadableError as error:
        return str(error)
    return ""
