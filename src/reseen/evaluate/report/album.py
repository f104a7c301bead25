"""Crops for a page: each distinct crop becomes one JPEG inside the file, however often it is shown."""

import base64
import hashlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from reseen.evaluate.report.content import Crop

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
