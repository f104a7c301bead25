"""`PixelStore`: crops as uint8 tensors, from a memory-mapped cache entry or decoded on the fly."""

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
from reseen.data.decode_table import (
    Problems,
    cache_key,
    crop_hashes,
    decode_rows,
    needed_bytes,
    problem_of,
    stamps_of,
    verify,
    write_entry,
)
from reseen.data.parallel import in_blocks
from reseen.data.table import ImageTable
from reseen.errors import DataError, ImagesError
from reseen.reading import read_array

_GIGABYTE = 10**9
_SPARE_BYTES = 200_000_000
_ROWS_PER_TASK = 8


class PixelStore:
    """The pixels of a table's crops at one size. Made by `open_pixels`; can be pickled and shared between processes."""

    def __init__(
        self,
        table: ImageTable,
        size: tuple[int, int],
        entry: Path | None,
        problems: Problems,
        note: str = "",
        white_level: float | None = None,
        hashes: UInt8[np.ndarray, "n 16"] | None = None,
    ) -> None:
        self.table = table
        """The table of the crops."""
        self.height, self.width = size
        self.white_level = white_level
        """Value of white in images of more than 8 bits; None for that of their type."""
        self.hashes = hashes
        """`crop_hashes` of the files as they were when the store was opened; None where that is not known."""
        self.note = note
        """The reason why crops are decoded on the fly; empty if they are cached."""
        self.readable: Bool[np.ndarray, " n"] = np.ones(len(table), dtype=bool)
        """False for rows of unreadable files, whose pixels are black."""
        self.readable[list(problems)] = False
        self.unreadable = tuple(f"{table.paths[row]}: {problems[row]}" for row in sorted(problems))
        """Paths of the unreadable files, each with the reason."""
        self._entry = entry
        self._mapped: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.table)

    @property
    def source(self) -> str:
        """`cache` or `on the fly`."""
        return "cache" if self._entry else "on the fly"

    def images(self, rows: Int64[Tensor, " b"]) -> UInt8[Tensor, "b 3 h w"]:
        """RGB pixels of the crops in `rows`, as a new tensor in channels-last memory; unreadable crops are black.

        Raises:
            ImagesError: a crop decoded on the fly has become unreadable since the store was opened.
            IndexError: a row number is negative or beyond the table.
        """
        index = rows.cpu().numpy()
        if index.size and not 0 <= index.min() <= index.max() < len(self):
            raise IndexError(f"rows run from 0 to {len(self) - 1}, got {index.min()} to {index.max()}")
        # NumPy copies whole rows on one core; torch's index_select starts threads, which is far slower on busy cores.
        pixels = self._map().take(index, axis=0) if self._entry else self._decode(index.tolist())
        return torch.from_numpy(pixels).permute(0, 3, 1, 2)

    def _decode(self, rows: list[int]) -> UInt8[np.ndarray, "b h w 3"]:
        pixels = np.zeros((len(rows), self.height, self.width, 3), dtype=np.uint8)

        def work(block: range) -> tuple[UInt8[np.ndarray, "b h w 3"], Problems]:
            return decode_rows(
                self.table, [rows[index] for index in block], self.height, self.width, self.white_level
            )

        with quiet_pillow():
            for block, (decoded, problems) in in_blocks(work, len(rows), _ROWS_PER_TASK):
                pixels[block.start : block.stop] = decoded
                self._check_unchanged(problems)
        return pixels

    def _check_unchanged(self, problems: Problems) -> None:
        for row, reason in problems.items():
            if self.readable[row]:
                raise ImagesError(
                    f"{self.table.path(row)}: was readable at the start and no longer is ({reason}); restore it and "
                    "run the command again (resume training with --resume)"
                )

    def _map(self) -> UInt8[np.ndarray, "n h w 3"]:
        if self._mapped is None:
            assert self._entry is not None
            self._mapped = _mapped_array(self._entry)
        return self._mapped

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_mapped": None}  # the receiving process maps the file itself


def open_pixels(
    table: ImageTable,
    height: int,
    width: int,
    *,
    cache_dir: Path | None = None,
    cap_gigabytes: float = 20.0,
    unreadable_share: float = 0.01,
    progress: bool = True,
    white_level: float | None = None,
) -> PixelStore:
    """Open the pixels of a table's crops at `height` x `width`, decoding them into the cache if they are not there.

    Crops are decoded on the fly instead, with the reason in `PixelStore.note`, if they exceed `cap_gigabytes` or the
    free disk space, or if the cache folder is not writable. `white_level` is that of `decode`.

    Raises:
        DataError: the table is empty.
        ImagesError: all images are unreadable, or a larger fraction than `unreadable_share`.

    Example:
        >>> store = open_pixels(read_training(Path("Market-1501")), 256, 128)
        >>> store.images(torch.arange(4)).shape
        torch.Size([4, 3, 256, 128])
    """
    if not len(table):
        raise DataError(f"{table.root}: no image to decode")
    folder = cache.cache_folder(cache_dir)
    stamps = stamps_of(table)
    key = cache_key(table.paths, stamps, height, width, white_level)
    hashes = crop_hashes(table.paths, stamps)
    entry, note = _cached(folder / key, table, (height, width), cap_gigabytes, progress, white_level)
    store = None
    if entry:
        try:
            store = PixelStore(
                table, (height, width), entry, _stored_problems(entry), white_level=white_level, hashes=hashes
            )
            store._map()  # keeps the pixels available even if another process evicts the entry
        except (OSError, ValueError) as error:
            store, note = None, f"decoding on the fly: the cache in {folder} cannot be read ({error})"
    if store is None:
        store = PixelStore(
            table, (height, width), None, verify(table, progress, white_level), note, white_level, hashes
        )
    _check_share(store, unreadable_share)
    return store


def _cached(
    entry: Path,
    table: ImageTable,
    size: tuple[int, int],
    cap_gigabytes: float,
    progress: bool,
    white_level: float | None,
) -> tuple[Path | None, str]:
    """The cache entry of the crops, created if missing, or None and the reason why there is none."""
    folder = entry.parent
    needed = needed_bytes(table, *size)
    what = f"{len(table):,} crops of {size[0]}x{size[1]} need {needed / _GIGABYTE:.2f} GB"
    try:
        if _is_valid(entry, table, size, white_level):
            cache.touch(entry)
            return entry, ""
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
        return write_entry(folder, entry.name, table, *size, progress, white_level), ""
    except OSError as error:
        return (
            None,
            f"decoding on the fly: {what}, and {folder} cannot be written ({error.strerror or error})",
        )


def _is_valid(entry: Path, table: ImageTable, size: tuple[int, int], white_level: float | None) -> bool:
    """Whether an entry exists, is complete, and its unreadable files still are unreadable; else it is removed.

    Raises:
        OSError: the folder or the entry cannot be accessed.
    """
    if not entry.exists():
        return False
    try:
        complete = _mapped_array(entry).shape == (len(table), *size, 3)
        with quiet_pillow():
            if complete and all(
                problem_of(table.source(row), white_level) for row in _stored_problems(entry)
            ):
                return True
    except PermissionError:
        raise  # the entry of another user, possibly complete
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
    examples = "; ".join(store.unreadable[:5]) + ("; ..." if count > 5 else "")
    if count == total:
        raise ImagesError(f"{store.table.root}: none of {total:,} images can be read: {examples}")
    if count > math.ceil(
        allowed * total
    ):  # rounded up, so that one bad file among a few dozen crops is tolerated
        share = count / total
        raise ImagesError(
            f"{store.table.root}: {count:,} of {total:,} images ({share:.1%}) are unreadable, more than "
            f"{allowed:.1%}: {examples}. Repair or remove them, or allow more with "
            f"--data.unreadable-share {_round_up(share)}"
        )


def _round_up(share: float) -> str:
    """A fraction rounded up to two decimals, at most 1."""
    return f"{min(1.0, -(-share * 100 // 1) / 100):.2f}"
