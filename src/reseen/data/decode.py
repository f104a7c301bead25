"""One image file to RGB pixels: ordinary JPEGs by simplejpeg, the rest by Pillow, same pixels either way.

The size is read from the header and checked before anything is decoded, so that a few bytes that claim to
be a billion pixels cost nothing. Both decoders let other threads run while they work.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL import Image, ImageOps

from reseen.data.image_source import Source
from reseen.data.jpeg_scans import too_many_scans

DECODE_VERSION = 1
"""Raised when the same file would give other pixels, so that stale cache entries are not used."""

MOST_PIXELS = 50_000_000
"""Larger images are refused by their header."""

MOST_BYTES = 256_000_000
"""Larger files are not even read."""

_JPEG_START = b"\xff\xd8\xff"
_HEADER_BYTES = 65_536
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "TIFF", "GIF", "PPM")
"""What Pillow may read. It knows dozens more; for one of them it starts another program on what the file says."""
_ORDINARY_COLORSPACES = ("YCbCr", "Gray", "RGB")


class UnreadableError(Exception):
    """A file is no usable image; the message says why in a few words."""


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings: of large images, refused here by a stricter rule, and of damage, told of later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module="PIL")
        yield


def read_bytes(source: Source) -> bytes:
    """The bytes of a crop.

    Raises:
        UnreadableError: it cannot be opened, is empty or too large.
    """
    try:
        size = source.size_on_disk()
        if size > MOST_BYTES:
            raise UnreadableError(f"file of {size / 1e6:,.0f} MB, more than {MOST_BYTES / 1e6:,.0f} MB")
        content = source.read()
    except OSError as error:
        raise UnreadableError(f"cannot be opened: {error.strerror or error.__class__.__name__}") from None
    if not content:
        raise UnreadableError("empty file")
    return content


def decode(content: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an image file to RGB, turned upright by its EXIF orientation.

    Raises:
        UnreadableError: not an image, cut short, corrupt, or more than `MOST_PIXELS` pixels.
    """
    if content.startswith(_JPEG_START) and b"Exif\0" not in content[:_HEADER_BYTES]:
        pixels = _decode_ordinary_jpeg(content)
        if pixels is not None:
            return pixels
    return _decode_by_pillow(content)


def fit(pixels: UInt8[np.ndarray, "h w 3"], height: int, width: int) -> UInt8[np.ndarray, "y x 3"]:
    """Resize by Pillow's antialiased bicubic, as published results do; unchanged when the size fits."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def _decode_ordinary_jpeg(content: bytes) -> UInt8[np.ndarray, "h w 3"] | None:
    """RGB, or None for what Pillow should judge: CMYK, damage, anything simplejpeg stumbles over."""
    try:
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(content)
        _check_size(int(height), int(width))
        _check_scans(content, int(height), int(width))
        return simplejpeg.decode_jpeg(content, "RGB") if colorspace in _ORDINARY_COLORSPACES else None
    except ValueError:
        return None


def _decode_by_pillow(content: bytes) -> UInt8[np.ndarray, "h w 3"]:
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _check_size(image.height, image.width)
            if image.format in ("JPEG", "MPO"):
                _check_scans(content, image.height, image.width)
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except (UnreadableError, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        raise UnreadableError("not an image") from None
    except Image.DecompressionBombError:
        raise UnreadableError(f"more than {MOST_PIXELS:,} pixels") from None
    except Exception as error:  # a corrupt file makes Pillow's parsers raise nearly anything
        text = str(error).splitlines()[0] if str(error) else error.__class__.__name__
        raise UnreadableError(f"corrupt: {text[:100]}") from None


def _check_size(height: int, width: int) -> None:
    if height * width > MOST_PIXELS:
        raise UnreadableError(f"{width:,} x {height:,} pixels, more than {MOST_PIXELS:,}")
    if height * width == 0:
        raise UnreadableError("no pixels")


def _check_scans(content: bytes, height: int, width: int) -> None:
    reason = too_many_scans(content, height, width)
    if reason:
        raise UnreadableError(reason)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):  # 32 bits a pixel: take values for 8 bits, or 16 where they are larger
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
        values = values / 257 if values.max(initial=0) > 255 else values
        return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")
