"""Decode all crops of a table: into a cache entry, or only to learn which files are unreadable."""

import hashlib
import os
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from reseen.data import cache
from reseen.data.decode import DECODE_VERSION, UnreadableError, decode, fit, quiet_pillow, read_bytes
from reseen.data.parallel import in_blocks
from reseen.data.progress import ProgressBar
from reseen.data.source import Source
from reseen.data.table import ImageTable

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
