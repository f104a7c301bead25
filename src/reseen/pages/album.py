"""Thumbnails for pages: crops as arrays, and an album that embeds every distinct crop as one JPEG in the file."""

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
    """A crop on the page: the name of its JPEG in the album, its size in pixels, and its alternative text."""

    name: str
    width: int
    height: int
    alt: str


class Album:
    """The JPEGs embedded in a page, one per distinct crop."""

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}
        self.sources: dict[str, tuple[str, int, int]] = {}
        """Name to data URI, width and height."""

    def add(self, image: Crop, alt: str) -> Picture:
        """Add a crop, unless it is already there, and return its picture.

        Raises:
            ValueError: the array is not a uint8 RGB image (h, w, 3).
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ValueError(f"pages show uint8 images (h, w, 3), got {image.dtype} {image.shape}")
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
    crops: Crops, rows: Sequence[int], max_height: int | None = None
) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """RGB images (h, w, 3), uint8, of the crops in `rows`, scaled down to at most `max_height` pixels."""
    if not len(rows):
        return []
    pixels = crops.images(to_index_tensor(np.array(rows, dtype=np.int64)))
    arrays = list(pixels.permute(0, 2, 3, 1).contiguous().numpy())
    height, width = arrays[0].shape[:2]
    if max_height is None or height <= max_height:
        return arrays
    return [fit(array, max_height, max(1, round(width * max_height / height))) for array in arrays]


def evenly_spaced(rows: Sequence[int], most: int) -> list[int]:
    """At most `most` of the rows, evenly spaced in their order, including the first and the last."""
    indices = np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)
    return [rows[index] for index in indices]


def camera_label(crops: Crops, row: int) -> str:
    """The camera of a crop, such as `camera 3`; empty if unknown."""
    camera = int(crops.table.cameras[row])
    return "" if camera == UNKNOWN_CAMERA else f"camera {crops.table.camera_names[camera].removeprefix('c')}"
