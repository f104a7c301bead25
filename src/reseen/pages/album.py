"""Crops for a page: each distinct crop becomes one JPEG inside the file, however often it is shown.

Crops to be looked at: a few of many, as arrays that a page shows.
"""

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from reseen.data.crops import Crops
from reseen.data.decode import fit
from reseen.pages.content import Crop
from reseen.records import UNKNOWN_CAMERA, to_index_tensor

_QUALITY = 85


@dataclass(frozen=True)
class Picture:
    """A crop on the page: the name of its JPEG in the file, its size in pixels, what to read out for it."""

    name: str
    width: int
    height: int
    alt: str


class Album:
    """The JPEGs of a page, each distinct crop once."""

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}
        self.sources: dict[str, tuple[str, int, int]] = {}
        """Name to data URI, width and height."""

    def add(self, image: Crop, alt: str) -> Picture:
        """Put a crop in, unless it is in already.

        Raises:
            ValueError: the array is no uint8 RGB image.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ValueError(f"a report shows uint8 images (h, w, 3), got {image.dtype} {image.shape}")
        height, width = image.shape[:2]
        pixels = np.ascontiguousarray(image)
        key = hashlib.sha256(pixels.tobytes() + f"{width}x{height}".encode()).digest()
        if key not in self._names:
            name = f"crop-{len(self._names)}"
            self._names[key], self.sources[name] = name, (_data_uri(pixels), width, height)
        return Picture(self._names[key], width, height, alt)


def _data_uri(image: Crop) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


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


def evenly_spaced(rows: Sequence[int], most: int) -> list[int]:
    """At most so many rows, evenly over the order they stand in, the first and the last among them."""
    picked = np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)
    return [rows[index] for index in picked]


def camera_words(crops: Crops, row: int) -> str:
    """The camera of a row, such as `camera 3`; nothing where it is unknown."""
    camera = int(crops.table.cameras[row])
    return "" if camera == UNKNOWN_CAMERA else f"camera {crops.table.camera_names[camera].removeprefix('c')}"
