"""Crops to be looked at: a few of many, as arrays that a page shows."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from reseen.data.decode import fit
from reseen.engine.crops import Crops
from reseen.records import UNKNOWN_CAMERA, to_index_tensor


def pictures(
    crops: Crops, rows: Sequence[int], tallest: int | None = None
) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """RGB crops of some rows, 0 to 255, made smaller where they are higher than `tallest` pixels."""
    if not len(rows):
        return []
    pixels = crops.images(to_index_tensor(np.array(rows, dtype=np.int64)))
    arrays = list(pixels.permute(0, 2, 3, 1).contiguous().numpy())
    height, width = arrays[0].shape[:2]
    if tallest is None or height <= tallest:
        return arrays
    return [fit(array, tallest, max(1, round(width * tallest / height))) for array in arrays]


def spread(rows: Sequence[int], most: int) -> list[int]:
    """At most so many rows, evenly over the order they stand in, the first and the last among them."""
    picked = np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)
    return [rows[index] for index in picked]


def camera_words(crops: Crops, row: int) -> str:
    """The camera of a row, such as `camera 3`; nothing where it is unknown."""
    camera = int(crops.table.cameras[row])
    return "" if camera == UNKNOWN_CAMERA else f"camera {crops.table.camera_names[camera].removeprefix('c')}"
