"""`PixelStore`: crops as uint8 tensors, decoded once into a memory-mapped array, else on the fly."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from reseen.data import pixel_cache as cache
from reseen.data.decode import quiet_pillow
from reseen.data.parallel import in_blocks
from reseen.data.pixel_cache import (
    Problems,
    cache_key,
    decode_rows,
    needed_bytes,
    problem_of,
    verify,
    write_entry,
)
from reseen.data.table import ImageTable
from reseen.errors import DataError, ImagesError
from reseen.reading import read_array

_GIGABYTE = 10**9
_SPARE_BYTES = 200_000_000
_ROWS_PER_TASK = 8


class PixelStore:
    """The crops of a table at one size. Made by `open_pixels`; safe to pickle, to fork and to share."""

    def __init__(
        self,
        table: ImageTable,
        size: tuple[int, int],
        entry: Path | None,
        problems: Problems,
        note: str = "",
        white_level: float | None = None,
    ) -> None:
        self.table = table
        """The rows."""
        self.height, self.width = size
        self._white_level = white_level
        self.note = note
        """Why crops are decoded on the fly; empty when they are cached."""
        self.readable: Bool[np.ndarray, " n"] = np.ones(len(table), dtype=bool)
        """False for rows whose file is no usable image; their pixels are black."""
        self.readable[list(problems)] = False
        self.unreadable = tuple(f"{table.paths[row]}: {problems[row]}" for row in sorted(problems))
        """Each unreadable file with the reason."""
        self._entry = entry
        self._mapped: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.table)

    @property
    def source(self) -> str:
        """`cache` or `on the fly`."""
        return "cache" if self._entry else "on the fly"

    def images(self, rows: Int64[Tensor, " b"]) -> UInt8[Tensor, "b 3 h w"]:
        """RGB crops, a fresh tensor whose memory is channels-last; unreadable rows are black.

        Raises:
            ImagesError: a crop that is decoded on the fly could be read when this was opened, and cannot be now.
            IndexError: a row number below 0 or beyond the table.
        """
        index = rows.cpu().numpy()
        if index.size and not 0 <= index.min() <= index.max() < len(self):
            raise IndexError(f"rows run from 0 to {len(self) - 1}, got {index.min()} to {index.max()}")
        # One core copies whole rows; index_select of torch starts threads, far slower where cores are busy.
        pixels = self._map().take(index, axis=0) if self._entry else self._decode(index.tolist())
        return torch.from_numpy(pixels).permute(0, 3, 1, 2)

    def _decode(self, rows: list[int]) -> UInt8[np.ndarray, "b h w 3"]:
        pixels = np.zeros((len(rows), self.height, self.width, 3), dtype=np.uint8)

        def work(places: range) -> tuple[UInt8[np.ndarray, "b h w 3"], Problems]:
            return decode_rows(
                self.table, [rows[place] for place in places], self.height, self.width, self._white_level
            )

        with quiet_pillow():
            for places, (decoded, problems) in in_blocks(work, len(rows), _ROWS_PER_TASK):
                pixels[places.start : places.stop] = decoded
                self._check_unchanged(problems)
        return pixels

    def _check_unchanged(self, problems: Problems) -> None:
        for row, reason in problems.items():
            if self.readable[row]:
                raise ImagesError(
                    f"{self.table.path(row)}: could be read when this began and cannot be now ({reason}); put it back "
                    "and give the command again, a training with --resume"
                )

    def _map(self) -> UInt8[np.ndarray, "n h w 3"]:
        if self._mapped is None:
            assert self._entry is not None
            self._mapped = _mapped_array(self._entry)
        return self._mapped

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_mapped": None}  # the other process maps the file itself


def open_pixels(
    table: ImageTable,
    height: int,
    width: int,
    cache_dir: Path | None = None,
    cap_gigabytes: float = 20.0,
    unreadable_share: float = 0.01,
    progress: bool = True,
    white_level: float | None = None,
) -> PixelStore:
    """Decode the crops of a table, or find them decoded, at a size in pixels.

    They are decoded on the fly, and `PixelStore.note` says why, when they would not fit in `cap_gigabytes`
    or on the disk, or when the cache folder cannot be written.

    `white_level` is the value that is white in images of more than 8 bits, as in `decode`.

    Raises:
        DataError: the table has no row.
        ImagesError: every image is unreadable, or a larger share than `unreadable_share`.
    """
    if not len(table):
        raise DataError(f"{table.root}: no image to decode")
    folder = cache.cache_folder(cache_dir)
    entry, note = _cached(folder, table, (height, width), cap_gigabytes, progress, white_level)
    store = None
    if entry:
        try:
            store = PixelStore(
                table, (height, width), entry, _stored_problems(entry), white_level=white_level
            )
            store._map()  # from here on the pixels stay, even when another process evicts the entry
        except (OSError, ValueError) as error:
            store, note = None, f"decoding on the fly: the cache in {folder} cannot be read ({error})"
    if store is None:
        store = PixelStore(
            table, (height, width), None, verify(table, progress, white_level), note, white_level
        )
    _check_share(store, unreadable_share)
    return store


def _cached(
    folder: Path,
    table: ImageTable,
    size: tuple[int, int],
    cap_gigabytes: float,
    progress: bool,
    white_level: float | None,
) -> tuple[Path | None, str]:
    """The entry of these crops, made when there is none, or why there can be none."""
    key = cache_key(table, *size, white_level)
    needed = needed_bytes(table, *size)
    what = f"{len(table):,} crops of {size[0]}x{size[1]} need {needed / _GIGABYTE:.2f} GB"
    try:
        if _serves(folder / key, table, size, white_level):
            cache.touch(folder / key)
            return folder / key, ""
        if needed > cap_gigabytes * _GIGABYTE:
            return None, (
                f"decoding on the fly: {what}, more than the {cap_gigabytes:g} GB of data.cache_gigabytes"
            )
        folder.mkdir(parents=True, exist_ok=True)
        cache.remove_stale(folder)
        cache.evict(folder, needed, int(cap_gigabytes * _GIGABYTE))
        free = shutil.disk_usage(folder).free
        if needed + _SPARE_BYTES > free:
            return (
                None,
                f"decoding on the fly: {what}, the disk of {folder} has {free / _GIGABYTE:.2f} GB free",
            )
        return write_entry(folder, key, table, *size, progress, white_level), ""
    except OSError as error:
        return (
            None,
            f"decoding on the fly: {what}, and {folder} cannot be written ({error.strerror or error})",
        )


def _serves(entry: Path, table: ImageTable, size: tuple[int, int], white_level: float | None) -> bool:
    """True when an entry is whole and its unreadable files still are; any other is removed.

    Raises:
        OSError: the folder or the entry may not be looked at.
    """
    if not entry.exists():
        return False
    try:
        whole = _mapped_array(entry).shape == (len(table), *size, 3)
        with quiet_pillow():
            if whole and all(problem_of(table.source(row), white_level) for row in _stored_problems(entry)):
                return True
    except PermissionError:
        raise  # somebody else's, and maybe whole
    except (OSError, ValueError):
        pass
    cache.remove(entry)
    return False


def _mapped_array(entry: Path) -> UInt8[np.ndarray, "n h w 3"]:
    pixels = read_array(entry / cache.PIXELS_FILE, mmap_mode="r")
    if pixels.dtype != np.uint8 or pixels.ndim != 4:
        raise ValueError(f"{entry / cache.PIXELS_FILE} is damaged")
    return pixels


def _stored_problems(entry: Path) -> Problems:
    return {int(row): reason for row, reason in cache.read_details(entry)["problems"].items()}


def _check_share(store: PixelStore, allowed: float) -> None:
    count, total = len(store.unreadable), len(store)
    listed = "; ".join(store.unreadable[:5]) + ("; ..." if count > 5 else "")
    if count == total:
        raise ImagesError(f"{store.table.root}: none of {total:,} images can be read: {listed}")
    if count > math.ceil(allowed * total):  # rounded up: one bad file among a few dozen crops stops nothing
        share = count / total
        raise ImagesError(
            f"{store.table.root}: {count:,} of {total:,} images ({share:.1%}) are unreadable, more than "
            f"{allowed:.1%}: {listed}. Repair or remove them, or allow more with "
            f"--data.unreadable-share {_round_up(share)}"
        )


def _round_up(share: float) -> str:
    """The smallest number of two decimals that is not below a share."""
    return f"{min(1.0, -(-share * 100 // 1) / 100):.2f}"
