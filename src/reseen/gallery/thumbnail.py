"""Thumbnails of crops as JPEG."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

from reseen.data.decode import UnreadableError, decode, quiet_pillow, read_bytes
from reseen.data.table import ImageSource

HEIGHT = 128
"""Maximum height in pixels; the maximum width is twice as much."""

_QUALITY = 85


def thumbnail(source: ImageSource, white_level: float | None = None) -> bytes:
    """A JPEG of at most 128 x 256 pixels (height x width), aspect ratio kept; empty if the image is unreadable."""
    try:
        return shrink(read_bytes(source), white_level)
    except UnreadableError:
        return b""


def read_thumbnails(images: Iterable[str | Path], white_level: float | None = None) -> list[bytes]:
    """A thumbnail of each image file; empty for an unreadable one."""
    with quiet_pillow():
        return [thumbnail(ImageSource(Path(image).expanduser()), white_level) for image in images]


def shrink(content: bytes, white_level: float | None = None) -> bytes:
    """The thumbnail of an encoded image; `white_level` as in `decode`.

    Raises:
        UnreadableError: the bytes are not a usable image.
    """
    pixels = decode(content, white_level)
    height, width = pixels.shape[:2]
    scale = min(1.0, HEIGHT / height, 2 * HEIGHT / width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
        return _encode(picture)
    return _encode(Image.fromarray(pixels))


def _encode(picture: Image.Image) -> bytes:
    return simplejpeg.encode_jpeg(np.asarray(picture), quality=_QUALITY, colorspace="RGB")
