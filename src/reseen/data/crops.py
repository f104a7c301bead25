"""The crops of a run: the readable rows of a table, their pixels, and thumbnails to compare all with all."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from reseen.data.decode_table import sample_levels
from reseen.data.levels import too_dark
from reseen.data.occlusion import Occlusion
from reseen.data.pixels import PixelStore, open_pixels
from reseen.data.settings import DataSettings
from reseen.data.table import UNKNOWN_TRACKLET, ImageTable
from reseen.errors import ImagesError
from reseen.records import UNKNOWN_CAMERA, to_index_tensor


@dataclass(frozen=True)
class Crops:
    """Readable crops, numbered 0 to n - 1. Made by `open_crops`."""

    table: ImageTable
    """The rows of the readable crops."""
    store: PixelStore
    """Pixels of all crops, unreadable ones included."""
    store_rows: Int64[Tensor, " n"]
    """The row in `store` of each readable crop."""
    range_note: str = ""
    """A warning if the white level of images of more than 8 bits is probably wrong; else empty."""
    occlusion: Occlusion | None = None
    """Occlusion applied to every crop, for evaluating robustness; None for none."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings for the user: why crops are decoded on the fly, a wrong white level, skipped unreadable files."""
        notes = [note for note in (self.store.note, self.range_note) if note]
        unreadable = self.store.unreadable
        if unreadable:
            examples = "; ".join(unreadable[:3]) + ("; ..." if len(unreadable) > 3 else "")
            notes.append(f"left out, unreadable: {len(unreadable)} of {len(self.store)}: {examples}")
        return tuple(notes)

    def select(self, rows: Int64[np.ndarray, " m"]) -> "Crops":
        """The crops of `rows`, in that order."""
        return replace(self, table=self.table.select(rows), store_rows=self.store_rows[to_index_tensor(rows)])

    def __len__(self) -> int:
        return len(self.table)

    def images(self, rows: Int64[Tensor, " b"]) -> UInt8[Tensor, "b 3 h w"]:
        """RGB pixels of the crops in `rows`, with the occlusion applied.

        Raises:
            ImagesError: as in `PixelStore.images`.
        """
        images = self.store.images(self.store_rows[rows])
        if self.occlusion is None:
            return images
        return self.occlusion.hide(images, [self.table.paths[row] for row in rows.tolist()])

    @property
    def cameras(self) -> Int64[np.ndarray, " n"] | None:
        """Camera indices; None if no camera is known."""
        known = self.table.cameras
        return known if bool((known != UNKNOWN_CAMERA).any()) else None

    @property
    def tracklets(self) -> Int64[np.ndarray, " n"] | None:
        """Tracklet indices; None if no tracklet is known."""
        known = self.table.tracklets
        return known if known is not None and bool((known != UNKNOWN_TRACKLET).any()) else None


def open_crops(
    table: ImageTable,
    settings: DataSettings,
    height: int,
    width: int,
    progress: bool = True,
    ask_for_white: bool = False,
) -> Crops:
    """Open the crops of a table at `height` x `width` pixels, from the cache if possible, without the unreadable ones.

    If images of more than 8 bits would be nearly black and `settings.white_level` is not set, this is reported in
    `Crops.notes`, or with `ask_for_white` raised as an error.

    Raises:
        DataError: the table is empty.
        ImagesError: more than `settings.unreadable_share` of the crops are unreadable, or, with `ask_for_white`, they
            would be nearly black.
    """
    dark = "" if settings.white_level is not None else too_dark(sample_levels(table))
    if dark and ask_for_white:
        raise ImagesError(f"{table.root}: {dark}")
    store = open_pixels(
        table,
        height,
        width,
        cache_dir=settings.cache_dir,
        cap_gigabytes=settings.cache_gigabytes,
        unreadable_share=settings.unreadable_share,
        progress=progress,
        white_level=settings.white_level,
    )
    rows = np.flatnonzero(store.readable)
    return Crops(table.select(rows), store, to_index_tensor(rows), dark)


ROWS, COLUMNS = 32, 16
"""Cells of a thumbnail."""
_BATCH = 512


def thumbnails(
    crops: Crops, progress: Callable[[int], None] = lambda _count: None
) -> Float[Tensor, "n 32 16"]:
    """Mean brightness, 0 to 255, of each of 32 x 16 cells of every crop."""
    parts = [torch.zeros(0, ROWS, COLUMNS)]
    for rows in torch.arange(len(crops)).split(_BATCH):
        brightness = crops.images(rows).float().mean(dim=1, keepdim=True)
        parts.append(F.adaptive_avg_pool2d(brightness, (ROWS, COLUMNS))[:, 0])
        progress(len(rows))
    return torch.cat(parts)
