"""Outputs of frozen stages for all crops of a run, kept between extractions, or between training steps.

Frozen stages never change within a run, so their output for a crop as it is, and for its mirror image, is the same in
every round. It is kept in the type it was computed in, so that features have the same bits as without. Augmented views
are kept in a file of their own; see `training/kept_views.py`.
"""

import os
import tempfile
from pathlib import Path
from typing import Self

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from reseen.data.pixel_cache import cache_folder, is_accessible


class FrozenMaps:
    """Maps of consecutive `rows` and `views` per crop, on disk in a file without a name, which ends with the process.

    Made by `open_if_fits`. The shape and type of a map are those of the first that is written.
    """

    def __init__(self, rows: range, views: int, folder: Path, limit_bytes: int) -> None:
        self._rows, self._views, self._folder, self._limit = rows, views, folder, limit_bytes
        self._written = np.zeros((len(rows), views), dtype=bool)
        self._bytes: np.ndarray | None = None
        self._like: Tensor | None = None
        self._refused = False

    @classmethod
    def open_if_possible(
        cls, rows: range, views: int, limit_gigabytes: float, cache_dir: Path | None = None
    ) -> Self | None:
        """An empty store for these rows in the folder of decoded crops; None without rows, limit or folder.

        `limit_gigabytes` is the largest size of the file, in 10^9 bytes. A file that would be larger, or for which the
        disk has no room, is not made when the first maps are written, and then nothing is kept.
        """
        folder = cache_folder(cache_dir)
        place = next((at for at in (folder, *folder.parents) if is_accessible(at)), None)
        if not len(rows) or limit_gigabytes <= 0 or place is None:
            return None
        return cls(rows, views, place, int(limit_gigabytes * 1e9))

    @property
    def has_room(self) -> bool:
        """Whether there is room for the maps; false before the first are written, which shows their size."""
        return self._bytes is not None

    def holds(self, rows: Int64[Tensor, " b"]) -> bool:
        """Whether the maps of all views of all `rows` are kept."""
        return bool(self._written[self._places(rows)].all())

    def write(self, rows: Int64[Tensor, " b"], view: int, maps: Tensor) -> None:
        """Keep the maps (b, ...) of one view of `rows`, where they fit."""
        if self._bytes is None and not self._refused:
            self._make(maps)
        if self._bytes is None:
            return
        last = maps.ndim == 4 and not maps.is_contiguous()
        plain = (maps.permute(0, 2, 3, 1) if last else maps).contiguous().cpu()
        self._bytes[self._places(rows), view] = plain.view(torch.uint8).flatten(1).numpy()
        self._written[self._places(rows), view] = True

    def read(self, rows: Int64[Tensor, " b"]) -> list[Tensor]:
        """The maps of `rows`, one tensor per view, in the memory order in which they were written.

        Raises:
            LookupError: maps of a row are not kept; see `holds`.
        """
        return [self.read_views(rows, torch.full_like(rows, view)) for view in range(self._views)]

    def read_views(self, rows: Int64[Tensor, " b"], views: Int64[Tensor, " b"]) -> Tensor:
        """The maps (b, ...) of one view of each of the `rows`; rows may repeat.

        Raises:
            LookupError: maps of a row are not kept; see `holds`.
        """
        if self._bytes is None or self._like is None or not self.holds(rows):
            raise LookupError("maps of these rows are not kept")
        like, packed = self._like, torch.from_numpy(self._bytes[self._places(rows), views.numpy()])
        last = like.ndim == 4 and not like.is_contiguous()
        shape = like.permute(0, 2, 3, 1).shape if last else like.shape
        maps = packed.view(like.dtype).reshape(len(rows), *shape[1:])
        return maps.permute(0, 3, 1, 2) if last else maps

    def _places(self, rows: Int64[Tensor, " b"]) -> Int64[np.ndarray, " b"]:
        return rows.numpy() - self._rows.start

    def _make(self, maps: Tensor) -> None:
        """Take the room for all maps at once, since a full disk under a mapped file would end the process."""
        row_bytes = maps[0].numel() * maps.element_size()
        shape = (len(self._rows), self._views, row_bytes)
        size = int(np.prod(shape, dtype=np.int64))
        self._refused = True
        if size > self._limit or not hasattr(os, "posix_fallocate"):
            return
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                os.posix_fallocate(file.fileno(), 0, size)
                self._bytes = np.memmap(file, dtype=np.uint8, mode="r+", shape=shape)
        except OSError:
            return
        self._like = maps[:1].cpu()
