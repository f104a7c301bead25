"""Every kind of odd and broken image in one folder: what can be read is, the rest is left out, said and listed."""

import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from reseen.data.decode import decode

CROPS = [f"{index:02d}.jpg" for index in range(24)]


def noise(seed=0, channels=3):
    shape = (64, 32, channels) if channels else (64, 32)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def bomb(side):
    """A PNG of a hundred bytes that says it is a square of this many pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def odd_ones():
    """Images that are unusual and fine, and the pixels that they must have, where no format loses any."""
    first, second = Image.fromarray(noise(1)), Image.fromarray(noise(2))
    turned = Image.Exif()
    turned[0x0112] = 6  # the top of the picture is at the right: to be turned by 90 degrees
    deep = np.random.default_rng(0).integers(0, 2**16, (64, 32), dtype=np.uint16)
    frames = {"save_all": True, "append_images": [second]}
    return {
        "cmyk.jpg": (saved(first.convert("CMYK"), "JPEG"), None),
        "deep.png": (
            saved(Image.fromarray(deep), "PNG"),
            np.stack([(deep >> 8).astype(np.uint8)] * 3, axis=-1),
        ),
        "animated.webp": (saved(first, "WEBP", lossless=True, **frames), noise(1)),
        "animated.png": (saved(first, "PNG", **frames), noise(1)),
        "turned.png": (saved(first, "PNG", exif=turned), np.rot90(noise(1), -1)),
        "png.jpg": (saved(first, "PNG"), noise(1)),
        "gif.jpg": (saved(first, "GIF", **frames), None),
        "jpeg.png": (saved(first, "JPEG"), None),
        "gray.bmp": (saved(Image.fromarray(noise(3, 0)), "BMP"), np.stack([noise(3, 0)] * 3, axis=-1)),
    }


BROKEN = {
    "zero.jpg": (b"", "empty file"),
    "cut.jpg": (saved(Image.fromarray(noise()), "JPEG")[:900], "corrupt: image file is truncated"),
    "text.jpg": (b"no picture at all", "not an image"),
    "bomb.png": (bomb(50_000), "more than 50,000,000 pixels"),
    "wide.png": (bomb(8_000), "8,000 x 8,000 pixels, more than 50,000,000"),
    "program.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
}  # fmt: skip


@pytest.fixture
def data(make_images):
    """Good crops, odd ones and broken ones."""
    folder = make_images(*CROPS)
    for name, (content, _) in (odd_ones() | BROKEN).items():
        (folder / name).write_bytes(content)
    with (folder / "huge.jpg").open("wb") as file:
        file.truncate(10**9)
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "folder.jpg").mkdir()
    return folder


def test_odd_images_have_their_pixels():
    for name, (content, pixels) in odd_ones().items():
        found = decode(content)
        assert found.shape[2] == 3, name
        if pixels is not None:
            np.testing.assert_array_equal(found, pixels, err_msg=name)


def test_training_leaves_out_what_cannot_be_read_and_lists_it(reseen_says, train_flags, data, tmp_path):
    code, _, err = reseen_says(*train_flags(data, tmp_path / "run", "--data.unreadable-share", "0.5"))
    assert (code, err) == (0, "")
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    listed = dict(line.split(": ", 1) for line in facts["unreadable"])
    wanted = {name: reason for name, (_, reason) in BROKEN.items()}
    wanted |= {"huge.jpg": "file of 1,000 MB, more than 256 MB"}
    gone = listed.pop("gone.jpg", "cannot be opened: No such file or directory")
    assert gone == "cannot be opened: No such file or directory"
    assert set(listed) == set(wanted)
    assert all(listed[name].startswith(reason) for name, reason in wanted.items()), listed
    assert facts["images"] == len(CROPS) + len(odd_ones())


def test_too_many_are_an_error_and_the_check_names_each(fault, reseen_says, train_flags, data, tmp_path):
    assert "are unreadable, more than 1.0%" in fault(*train_flags(data, tmp_path / "run"))
    reseen_says("data", "check", data, "--json", tmp_path / "check.json")
    listed = (tmp_path / "check.json").read_text()
    for name in (*BROKEN, "huge.jpg"):
        assert f"{name}: " in listed
