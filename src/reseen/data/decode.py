"""One image file to RGB pixels: ordinary JPEGs by simplejpeg, the rest by Pillow, same pixels either way.

The size is read from the header and checked before anything is decoded, so that a few bytes that claim to
be a billion pixels cost nothing. Both decoders let other threads run while they work.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL import Image, ImageOps

from reseen.data.image_source import ImageSource
from reseen.data.jpeg_scans import too_many_scans
from reseen.data.levels import INTEGER_WHITE, Levels, OutOfRangeError, to_8_bits

DECODE_VERSION = 2
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
_WITH_ALPHA = ("RGBA", "RGBa", "LA", "La", "PA")


class UnreadableError(Exception):
    """A file is no usable image; the message says why in a few words."""


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings: of large images, refused here by a stricter rule, and of damage, told of later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module="PIL")
        yield


def read_bytes(source: ImageSource) -> bytes:
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


@dataclass(frozen=True)
class Decoded:
    """An image, and what is known of values that had more than 8 bits."""

    pixels: UInt8[np.ndarray, "h w 3"]
    levels: Levels | None = None
    """None for plain images of 8 bits."""


def decode(content: bytes, white_level: float | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an image file to RGB, turned upright by its EXIF orientation; pixels of alpha 0 are black.

    `white_level` is the value that becomes 255 in images of more than 8 bits; None: 65,535 for integers, 1 for floats.

    Raises:
        UnreadableError: not an image, cut short, corrupt, more than `MOST_PIXELS` pixels, or values beyond white.
    """
    return decode_with_levels(content, white_level).pixels


def decode_with_levels(content: bytes, white_level: float | None = None) -> Decoded:
    """As `decode`, with what is known of the values of images of more than 8 bits.

    Raises:
        UnreadableError: as in `decode`.
    """
    if content.startswith(_JPEG_START) and b"Exif\0" not in content[:_HEADER_BYTES]:
        pixels = _decode_ordinary_jpeg(content)
        if pixels is not None:
            return Decoded(pixels)
    return _decode_by_pillow(content, white_level)


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


def _decode_by_pillow(content: bytes, white_level: float | None) -> Decoded:
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _check_size(image.height, image.width)
            if image.format in ("JPEG", "MPO"):
                _check_scans(content, image.height, image.width)
            deep_color = _has_16_bit_color(image, content)
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I") or upright.mode == "F":
                return _decode_deep(upright, white_level)
            pixels = _to_rgb(upright)
    except (UnreadableError, MemoryError):
        raise
    except OutOfRangeError as error:
        raise UnreadableError(str(error)) from None
    except Image.UnidentifiedImageError:
        raise UnreadableError("not an image") from None
    except Image.DecompressionBombError:
        raise UnreadableError(f"more than {MOST_PIXELS:,} pixels") from None
    except Exception as error:  # a corrupt file makes Pillow's parsers raise nearly anything
        text = str(error).splitlines()[0] if str(error) else error.__class__.__name__
        raise UnreadableError(f"corrupt: {text[:100]}") from None
    if not deep_color:
        return Decoded(pixels)
    if white_level not in (None, INTEGER_WHITE):
        raise UnreadableError(
            f"16 bits a color, of which only the upper 8 are read, and data.white_level is {white_level:g}; save it "
            "with 8 bits a color"
        )
    return Decoded(pixels, Levels("16-bit color", INTEGER_WHITE, float(pixels.max(initial=0)) * 257))


def _check_size(height: int, width: int) -> None:
    if height * width > MOST_PIXELS:
        raise UnreadableError(f"{width:,} x {height:,} pixels, more than {MOST_PIXELS:,}")
    if height * width == 0:
        raise UnreadableError("no pixels")


def _check_scans(content: bytes, height: int, width: int) -> None:
    reason = too_many_scans(content, height, width)
    if reason:
        raise UnreadableError(reason)


def _to_rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    """RGB of an 8-bit image; black where it is transparent altogether."""
    if image.mode not in _WITH_ALPHA and "transparency" not in image.info:
        return np.asarray(image.convert("RGB"))
    pixels = np.asarray(image.convert("RGBA"))
    return np.where(pixels[..., 3:] == 0, np.uint8(0), pixels[..., :3])


def _decode_deep(image: Image.Image, white_level: float | None) -> Decoded:
    """An image of one channel of 16 or 32 bits, integer or float."""
    kind = {"F": "float", "I": "32-bit"}.get(image.mode, "16-bit")
    values = np.asarray(image)
    gray, levels = to_8_bits(values, kind, white_level)
    hidden = image.info.get("transparency")
    if isinstance(hidden, int):
        gray = np.where(values == hidden, np.uint8(0), gray)
    return Decoded(np.repeat(gray[..., None], 3, axis=2), levels)


def _has_16_bit_color(image: Image.Image, content: bytes) -> bool:
    """Whether Pillow gives the upper 8 of 16 bits, which it does not say."""
    if image.format == "PNG":
        return content[24:25] == b"\x10" and not image.mode.startswith("I")
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, ())  # type: ignore[attr-defined]
        return isinstance(bits, tuple) and len(bits) > 1 and max(bits) > 8
    return False
