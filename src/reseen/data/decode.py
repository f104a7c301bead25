"""Decodes an image file to RGB pixels: ordinary JPEGs with simplejpeg, everything else with Pillow.

Both give the same pixels and release the GIL. The image size in the header is checked before decoding, so that
decompression bombs are refused at no cost. So are JPEGs with too many scans, because each scan costs as much as
decoding the image once: a progressive JPEG has about ten, but a few kilobytes can encode thousands.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageOps

from reseen.data.levels import INTEGER_WHITE, Levels, OutOfRangeError, to_8_bits
from reseen.data.table import ImageSource

DECODE_VERSION = 2
"""Incremented when the decoder changes pixels, which invalidates cache entries."""

MOST_PIXELS = 50_000_000
"""Images of more pixels are refused before they are decoded."""

MOST_BYTES = 256_000_000
"""Files of more bytes are refused before they are read."""

_JPEG_START = b"\xff\xd8\xff"
_HEADER_BYTES = 65_536
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "TIFF", "GIF", "PPM")
"""Formats that Pillow may decode. Others are disabled; for EPS, Pillow would start another program."""
_TURNED = range(5, 9)
"""EXIF orientations that swap height and width."""
_ORDINARY_COLORSPACES = ("YCbCr", "Gray", "RGB")
_WITH_ALPHA = ("RGBA", "RGBa", "LA", "La", "PA")


class UnreadableError(Exception):
    """A file cannot be used as an image; the message gives the reason in a few words."""


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings about large images, which have a stricter limit here, and damage, reported later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module="PIL")
        yield


def read_bytes(source: ImageSource) -> bytes:
    """Read the encoded bytes of a crop.

    Raises:
        UnreadableError: the file cannot be opened, is empty, or is larger than `MOST_BYTES`.
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
    """A decoded image and, for images of more than 8 bits, the range of its values."""

    pixels: UInt8[np.ndarray, "h w 3"]
    levels: Levels | None = None
    """None for 8-bit images."""


def decode(content: bytes, white_level: float | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an image file to uint8 RGB; the EXIF orientation is applied, fully transparent pixels become black.

    `white_level` is the value that maps to 255 in images of more than 8 bits; by default 65,535 for integers and 1 for
    floats.

    Raises:
        UnreadableError: the content is not an image, is truncated or corrupt, has more than `MOST_PIXELS` pixels, or
            has values above the white level.
    """
    return decode_with_levels(content, white_level).pixels


def decode_with_levels(content: bytes, white_level: float | None = None) -> Decoded:
    """Like `decode`, but also return the range of values of images of more than 8 bits.

    Raises:
        UnreadableError: as in `decode`.
    """
    if content.startswith(_JPEG_START) and b"Exif\0" not in content[:_HEADER_BYTES]:
        pixels = _decode_ordinary_jpeg(content)
        if pixels is not None:
            return Decoded(pixels)
    return _decode_by_pillow(content, white_level)


def decode_pillow(image: Image.Image, white_level: float | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """The pixels of an opened Pillow image as uint8 RGB, treated as `decode` treats a file.

    Raises:
        UnreadableError: as in `decode`.
    """
    try:
        _check_size(image.height, image.width)
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I") or upright.mode == "F":
            return _decode_deep(upright, white_level).pixels
        return _to_rgb(upright)
    except OutOfRangeError as error:
        raise UnreadableError(str(error)) from None
    except OSError as error:  # a lazily opened file that is truncated
        raise UnreadableError(f"corrupt: {str(error)[:100]}") from None


def upright_size(content: bytes) -> tuple[int, int]:
    """Width and height in pixels after the rotation that EXIF asks for; only the header is decoded.

    Raises:
        UnreadableError: not an image of a format that is read.
    """
    try:
        with quiet_pillow(), Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) in _TURNED
            return (image.height, image.width) if turned else (image.width, image.height)
    except Exception as error:  # a corrupt file makes Pillow's parsers raise nearly anything
        raise UnreadableError(f"not an image ({str(error)[:100]})") from None


def fit(pixels: UInt8[np.ndarray, "h w 3"], height: int, width: int) -> UInt8[np.ndarray, "y x 3"]:
    """Resize to `height` x `width` with Pillow's antialiased bicubic filter, as is standard in re-ID."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def _decode_ordinary_jpeg(content: bytes) -> UInt8[np.ndarray, "h w 3"] | None:
    """RGB pixels, or None for files left to Pillow: CMYK, damaged, or otherwise refused by simplejpeg."""
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
            f"16 bits per channel, of which only the upper 8 are read, but data.white_level is {white_level:g}; save "
            "it with 8 bits per channel"
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
    """RGB pixels of an 8-bit image; fully transparent pixels become black."""
    if image.mode not in _WITH_ALPHA and "transparency" not in image.info:
        return np.asarray(image.convert("RGB"))
    pixels = np.asarray(image.convert("RGBA"))
    return np.where(pixels[..., 3:] == 0, np.uint8(0), pixels[..., :3])


def _decode_deep(image: Image.Image, white_level: float | None) -> Decoded:
    """Decode a single-channel image of 16 or 32 bits, integer or float."""
    kind = {"F": "float", "I": "32-bit"}.get(image.mode, "16-bit")
    values = np.asarray(image)
    gray, levels = to_8_bits(values, kind, white_level)
    hidden = image.info.get("transparency")
    if isinstance(hidden, int):
        gray = np.where(values == hidden, np.uint8(0), gray)
    return Decoded(np.repeat(gray[..., None], 3, axis=2), levels)


def _has_16_bit_color(image: Image.Image, content: bytes) -> bool:
    """Whether an RGB file has 16 bits per channel, of which Pillow silently keeps the upper 8."""
    if image.format == "PNG":
        return content[24:25] == b"\x10" and not image.mode.startswith("I")
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, ())  # type: ignore[attr-defined]
        return isinstance(bits, tuple) and len(bits) > 1 and max(bits) > 8
    return False


MOST_SCANS = 100
"""Limit of scans per image."""

MOST_PIXELS_SCANNED = 1_000_000_000
"""Limit of pixels times scans."""

_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])", re.DOTALL)
"""A JPEG marker; stuffed zero bytes and restart markers D0 to D7, which occur within scan data, are excluded."""
_SCAN, _END, _WITHOUT_SEGMENT = 0xDA, 0xD9, (0x01, 0xD8)


def too_many_scans(content: bytes, height: int, width: int) -> str:
    """The reason why a JPEG of this size has too many scans to decode; empty if it does not."""
    most = min(MOST_SCANS, max(1, MOST_PIXELS_SCANNED // (height * width)))
    if count_scans(content, most + 1) <= most:
        return ""
    return f"more than {most} scans of {width:,} x {height:,} pixels; no ordinary JPEG has so many"


def count_scans(content: bytes, most: int) -> int:
    """Count the scans of the first image, up to `most`; thumbnails in its metadata are skipped."""
    scans, position = 0, 0
    while scans < most and (match := _MARKER.search(content, position)) is not None:
        marker, position = match[1][0], match.end()
        if marker == _END:
            break
        if marker not in _WITHOUT_SEGMENT:
            position += max(2, int.from_bytes(content[position : position + 2], "big"))
        scans += marker == _SCAN
    return scans
