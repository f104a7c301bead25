"""Decoding of all crops of a table: into a cache entry, or only to find the unreadable files."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from reseen.data.decode import (
    DECODE_VERSION,
    UnreadableError,
    decode,
    decode_with_levels,
    fit,
    quiet_pillow,
    read_bytes,
)
from reseen.data.levels import Levels
from reseen.data.parallel import in_blocks
from reseen.data.pixel_cache import PIXELS_FILE, create_entry, source_folders
from reseen.data.progress import ProgressBar
from reseen.data.table import ImageSource, ImageTable

_BLOCK = 64
_SAMPLE = 64

Problems = dict[int, str]
"""Row numbers of unreadable files, each with the reason."""


def stamps_of(table: ImageTable) -> list[str]:
    """The `stamp` of the file of every crop: its size and time, as they are now."""
    return [table.source(row).stamp() for row in range(len(table))]


def crop_hashes(paths: Sequence[str], stamps: Sequence[str]) -> UInt8[np.ndarray, "n 16"]:
    """A hash per crop of its relative path and the stamp of its file: equal only if the crop is the same."""
    hashes = np.zeros((len(paths), 16), dtype=np.uint8)
    for row, (path, stamp) in enumerate(zip(paths, stamps, strict=True)):
        digest = hashlib.blake2b(os.fsencode(f"{path}\0{stamp}"), digest_size=16).digest()
        hashes[row] = np.frombuffer(digest, dtype=np.uint8)
    return hashes


def cache_key(
    paths: Sequence[str], stamps: Sequence[str], height: int, width: int, white_level: float | None = None
) -> str:
    """The name of a cache entry: a hash of paths, file sizes and times, crop size, white level and decoder version."""
    level = "" if white_level is None else f" {white_level:g}"
    digest = hashlib.sha256(f"{DECODE_VERSION} {height} {width}{level}\0".encode())
    for relative, stamp in zip(paths, stamps, strict=True):
        digest.update(os.fsencode(f"{relative}\0{stamp}\0"))
    return digest.hexdigest()[:32]


def needed_bytes(table: ImageTable, height: int, width: int) -> int:
    """Number of bytes of the decoded crops of a table."""
    return len(table) * height * width * 3


def decode_rows(
    table: ImageTable, rows: range | list[int], height: int, width: int, white_level: float | None = None
) -> tuple[UInt8[np.ndarray, "b h w 3"], Problems]:
    """Decode and resize the crops of `rows`; unreadable ones are black and returned as problems."""
    pixels = np.zeros((len(rows), height, width, 3), dtype=np.uint8)
    problems: Problems = {}
    for index, row in enumerate(rows):
        try:
            pixels[index] = fit(decode(read_bytes(table.source(row)), white_level), height, width)
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
    """Decode the crops of a table into a new cache entry, and return its folder.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """

    def fill(entry: Path) -> dict:
        problems: Problems = {}
        shape = (len(table), height, width, 3)
        with (entry / PIXELS_FILE).open("wb") as file:
            # Plain writes, not a memory map, which would crash the process on a full disk.
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            with ProgressBar("Decoding crops", len(table), progress) as bar, quiet_pillow():
                work = in_blocks(
                    lambda rows: decode_rows(table, rows, height, width, white_level), len(table), _BLOCK
                )
                for rows, (pixels, new_problems) in work:
                    file.write(pixels.data)
                    problems |= new_problems
                    bar.advance(len(rows))
            file.flush()
            os.fsync(file.fileno())
        names = {"root": str(table.root), "images": len(table), "height": height, "width": width}
        return names | {"problems": {str(row): reason for row, reason in problems.items()}}

    return create_entry(folder, key, fill, source_folders(table.root, table.paths))


def verify(table: ImageTable, progress: bool, white_level: float | None = None) -> Problems:
    """Decode all crops of a table without storing them, and return the unreadable rows."""
    problems: Problems = {}

    def work(rows: range) -> Problems:
        return {row: reason for row in rows if (reason := problem_of(table.source(row), white_level))}

    with ProgressBar("Checking crops", len(table), progress) as bar, quiet_pillow():
        for rows, new_problems in in_blocks(work, len(table), _BLOCK):
            problems |= new_problems
            bar.advance(len(rows))
    return problems


def sample_levels(table: ImageTable) -> list[Levels]:
    """Value ranges of the images of more than 8 bits among 64 crops, evenly spaced over the table."""
    if all(path.lower().endswith((".jpg", ".jpeg")) for path in table.paths):
        return []
    sampled = []
    with quiet_pillow():
        for row in (
            np.unique(np.linspace(0, len(table) - 1, _SAMPLE).astype(int)).tolist() if len(table) else ()
        ):
            try:
                levels = decode_with_levels(read_bytes(table.source(row))).levels
            except UnreadableError:
                continue
            if levels is not None:
                sampled.append(levels)
    return sampled


def problem_of(source: ImageSource, white_level: float | None = None) -> str:
    """The reason why a crop is unreadable; empty if it can be decoded."""
    try:
        decode(read_bytes(source), white_level)
    except UnreadableError as error:
        return str(error)
    return ""
