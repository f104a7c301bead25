import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from reseen.data.decode import (
    MOST_SCANS,
    UnreadableError,
    count_scans,
    decode,
    fit,
    quiet_pillow,
    read_bytes,
    upright_size,
)
from reseen.data.table import ImageSource


def noise(height=20, width=10, channels=3):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_header(width, height):
    """A PNG of a few bytes that claims any size."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + body
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + b"\0\0\0\5IDAT"
    )


def test_jpeg_equals_pillow():
    content = saved(Image.fromarray(noise(64, 32)), "JPEG", quality=90)
    assert np.array_equal(decode(content), np.asarray(Image.open(io.BytesIO(content))))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_kinds_keep_every_pixel(kind):
    pixels = noise()
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(decode(saved(Image.fromarray(pixels), kind, **options)), pixels)


def test_gray_palette_alpha_and_deep_images_become_rgb():
    gray = noise(channels=1)
    three = np.stack([gray] * 3, axis=-1)
    assert np.array_equal(decode(saved(Image.fromarray(gray), "PNG")), three)
    assert np.array_equal(decode(saved(Image.fromarray(gray.astype(np.uint16) << 8), "PNG")), three)
    assert np.array_equal(decode(saved(Image.fromarray(gray.astype(np.float32)), "TIFF"), 255), three)
    assert decode(saved(Image.fromarray(gray), "JPEG")).shape == (20, 10, 3)
    color = noise(channels=4) | np.array([0, 0, 0, 1], np.uint8)  # nothing that is transparent altogether
    assert np.array_equal(decode(saved(Image.fromarray(color), "PNG")), color[..., :3])
    palette = Image.fromarray(noise()).convert("P", palette=Image.Palette.ADAPTIVE)
    content = saved(palette, "PNG", transparency=bytes([1, 128]))
    assert np.array_equal(decode(content), np.asarray(palette.convert("RGB")))


def test_cmyk_jpeg_is_read_by_pillow():
    content = saved(Image.fromarray(noise()).convert("CMYK"), "JPEG")
    assert np.array_equal(decode(content), np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))


def test_exif_orientation_turns_the_image():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = saved(Image.fromarray(noise(20, 10)), "JPEG", exif=exif)
    assert decode(content).shape == (10, 20, 3)


def test_fit_is_pillows_bicubic_and_leaves_fitting_images_alone():
    pixels = noise(64, 40)
    expected = np.asarray(Image.fromarray(pixels).resize((16, 32), Image.Resampling.BICUBIC))
    assert np.array_equal(fit(pixels, 32, 16), expected)
    assert fit(pixels, 64, 40) is pixels


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no image at all", "not an image"),
        (saved(Image.fromarray(noise(64, 64)), "JPEG")[:1500], "corrupt: image file is truncated"),
        (saved(Image.fromarray(noise(64, 64)), "PNG")[:3000], "corrupt: "),
        (b"\xff\xd8\xff" + bytes(50), "not an image|corrupt"),
        (png_header(100_000, 100_000), "more than 50,000,000"),
        (png_header(10_000, 9_000), r"10,000 x 9,000 pixels, more than 50,000,000"),
    ],
)
def test_unreadable_content(content, reason):
    with pytest.raises(UnreadableError, match=reason), quiet_pillow():
        decode(content)


def test_jpeg_bomb_is_refused_by_its_header():
    content = bytearray(saved(Image.fromarray(noise(64, 64)), "JPEG"))
    start = content.index(b"\xff\xc0") + 5
    content[start : start + 4] = struct.pack(">HH", 60_000, 60_000)
    with pytest.raises(UnreadableError, match=r"60,000 x 60,000 pixels"):
        decode(bytes(content))


def test_unreadable_files(tmp_path):
    with pytest.raises(UnreadableError, match="cannot be opened: No such file"):
        read_bytes(ImageSource(tmp_path / "gone.jpg"))
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(UnreadableError, match="empty file"):
        read_bytes(ImageSource(tmp_path / "empty.jpg"))
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(UnreadableError, match="file of 1,000 MB, more than 256 MB"):
        read_bytes(ImageSource(tmp_path / "huge.jpg"))


PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8))


def jpeg(**options):
    stream = io.BytesIO()
    PICTURE.save(stream, "JPEG", **options)
    return stream.getvalue()


def with_scans(times):
    """The last scan of a progressive JPEG again and again."""
    content = jpeg(progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * times + content[-2:]


def test_scans_are_those_of_the_image_alone():
    plain, progressive = jpeg(), jpeg(progressive=True)
    behind = np.random.default_rng(1).bytes(1_000_000)
    assert count_scans(plain, 999) == count_scans(plain + behind, 999) == 1
    assert count_scans(progressive, 999) == count_scans(progressive + behind, 999) == 10
    assert count_scans(jpeg(restart_marker_blocks=1), 999) == 1
    thumbnail = plain[:2] + b"\xff\xe1" + (len(progressive) + 2).to_bytes(2, "big") + progressive + plain[2:]
    assert count_scans(thumbnail, 999) == 1
    assert count_scans(b"\xff\xd8\xff", 9) == 0


def test_thousands_of_scans_are_refused_before_they_are_decoded():
    assert decode(with_scans(20)).shape == (64, 32, 3)
    with pytest.raises(UnreadableError, match=f"more than {MOST_SCANS} scans of 32 x 64 pixels"):
        decode(with_scans(3000))


def test_the_upright_size_is_that_of_the_decoded_pixels():
    image = Image.fromarray(noise())
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        content = saved(image, "JPEG", exif=exif)
        height, width = decode(content).shape[:2]
        assert upright_size(content) == (width, height)
    with pytest.raises(UnreadableError, match="not an image"):
        upright_size(b"<svg/>")
