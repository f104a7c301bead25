"""Images of more than 8 bits: one white level per format or setting, never one per file."""

import io

import numpy as np
import pytest
from PIL import Image

from reseen.data.crops import open_crops
from reseen.data.decode import UnreadableError, decode, decode_with_levels
from reseen.data.levels import to_8_bits, too_dark, usual_white
from reseen.data.settings import DataSettings
from reseen.datasets import read_training
from reseen.errors import ImagesError
from reseen.tasks.data_check import check_data

RAMP = np.linspace(0, 1, 200).reshape(20, 10)


def saved(values, kind):
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, kind)
    return stream.getvalue()


def plain():
    return np.repeat(np.floor(RAMP * 255.999)[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("values", "kind", "white"),
    [
        (np.floor(RAMP * 255).astype(np.uint16), "PNG", 255),  # 8-bit values in 16 bits
        (np.floor(RAMP * 4095).astype(np.uint16), "PNG", 4095),  # 12-bit thermal
        (np.floor(RAMP * 65535).astype(np.uint16), "PNG", None),
        (np.floor(RAMP * 65535).astype(np.uint16), "TIFF", None),
        (np.floor(RAMP * 65535).astype(np.int32), "TIFF", None),
        (np.floor(RAMP * 255).astype(np.int32), "TIFF", 255),
        (RAMP.astype(np.float32), "TIFF", None),
        ((RAMP * 255).astype(np.float32), "TIFF", 255),
    ],
)
def test_every_kind_of_values_gives_the_same_picture(values, kind, white):
    found = decode(saved(values, kind), white)
    assert found.shape == (20, 10, 3)
    assert np.abs(found.astype(int) - plain()).max() <= 1


def test_a_dark_frame_is_read_like_its_neighbors():
    bright, dark = (np.full((4, 4), value, np.uint16) for value in (4000, 40))
    assert decode(saved(bright, "PNG"), 4095).max() == 250
    assert decode(saved(dark, "PNG"), 4095).max() == 2


def test_eight_bit_values_keep_their_bits_and_sixteen_bits_give_their_high_byte():
    everything = np.arange(256, dtype=np.uint16).reshape(16, 16)
    assert np.array_equal(to_8_bits(everything, "16-bit", 255)[0], everything)
    assert np.array_equal(to_8_bits(everything << 8, "16-bit", None)[0], everything)
    assert np.array_equal(to_8_bits(everything.astype(float), "float", 255)[0], everything)


def test_what_is_not_finite_is_black_and_does_not_count():
    values = RAMP.astype(np.float32)
    values[0], values[1] = np.nan, np.inf
    decoded = decode_with_levels(saved(values, "TIFF"))
    assert decoded.pixels[:2].max() == 0
    assert decoded.levels.peak == pytest.approx(1)
    with pytest.raises(UnreadableError, match="no value is finite"):
        decode(saved(np.full((4, 4), np.nan, np.float32), "TIFF"))


@pytest.mark.parametrize(
    ("values", "white", "said"),
    [
        (
            (RAMP * 255).astype(np.float32),
            None,
            r"float values up to 255, but the white level is 1; .* such as 255",
        ),
        (
            np.full((4, 4), 4096 * 2, np.uint16),
            4095,
            r"16-bit values up to 8,192, but the white level is 4,095; .* such as 16383",
        ),
        ((RAMP * 4 - 2).astype(np.float32), 2, "float values from -2, but 0 is black"),
    ],
)
def test_values_beyond_black_and_white_are_refused(values, white, said):
    kind = "PNG" if values.dtype == np.uint16 else "TIFF"
    with pytest.raises(UnreadableError, match=said):
        decode(saved(values, kind), white)


def test_usual_white_levels():
    assert [usual_white(peak) for peak in (0.9, 200, 1000, 4095, 9000, 40_000)] == [
        1,
        255,
        1023,
        4095,
        16_383,
        65_535,
    ]
    assert usual_white(1e6) == 1e6
    assert too_dark([]) == ""


def thermal(root, peak, count=3):
    root.mkdir(exist_ok=True)
    for index in range(count):
        Image.fromarray(np.floor(np.roll(RAMP, index) * peak).astype(np.uint16)).save(root / f"{index}.png")
    return root


def test_training_asks_for_the_white_level_of_crops_that_would_be_black(tmp_path):
    table = read_training(thermal(tmp_path / "crops", 4095))
    settings = DataSettings(cache_dir=tmp_path / "cache")
    with pytest.raises(
        ImagesError, match=r"up to 4,095, but the white level is 65,535.*data.white_level to 4095"
    ):
        open_crops(table, settings, 20, 10, progress=False, ask_for_white=True)
    assert "nearly black" in open_crops(table, settings, 20, 10, progress=False).notes[0]
    asked = settings.model_copy(update={"white_level": 4095})
    crops = open_crops(table, asked, 20, 10, progress=False, ask_for_white=True)
    assert crops.notes == ()
    assert int(crops.store.images(crops.store_rows).max()) == 255  # and not the entry of the other level


def test_data_check_says_what_was_assumed_of_deep_images(tmp_path):
    root = thermal(tmp_path / "crops", 4095)
    (finding,) = [one for one in check_data(root, progress=False).findings if "more than 8 bits" in one.text]
    assert finding.verdict == "wrong"
    assert "set data.white_level to 4095" in finding.text
    assert finding.items == ("16-bit: 3 images, read with 65,535 as white, values up to 4,095",)
    again = check_data(root, progress=False, white_level=4095).findings
    assert ("fine", "3 images of more than 8 bits, white level as specified") in [
        (f.verdict, f.text) for f in again
    ]


def test_data_check_names_images_of_one_value_and_black_borders(tmp_path):
    noise = np.random.default_rng(0).integers(20, 256, (64, 32, 3), dtype=np.uint8)
    for name, pixels in {
        "fine": noise,
        "flat": np.full_like(noise, 90),
        "boxed": np.pad(noise[:56], ((4, 4), (0, 0), (0, 0))),
        "black": np.zeros_like(noise),
    }.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    found = {finding.text: finding.items for finding in check_data(tmp_path, progress=False).findings}
    assert ("train: black.png", "train: flat.png") in found.values()
    assert ("train: boxed.png: 8 of 64 rows, 0 of 32 columns",) in found.values()


def color_png(depth, shade):
    """A PNG of 2 x 2 pixels of one color, of 8 or 16 bits."""
    import struct
    import zlib

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = b"\0" + struct.pack(">6H" if depth == 16 else ">6B", *[shade] * 6)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, depth, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(row * 2)) + chunk(b"IEND", b"")


def test_color_of_16_bits_gives_its_high_byte_and_takes_no_other_white():
    assert (decode(color_png(16, 200 << 8)) == 200).all()
    decoded = decode_with_levels(color_png(16, 200))
    assert decoded.pixels.max() == 0
    assert "save them with 8 bits per channel" in too_dark([decoded.levels])
    with pytest.raises(
        UnreadableError, match=r"16 bits per channel.*data\.white_level is 255; save it with 8 bits"
    ):
        decode(color_png(16, 200), 255)
    assert decode_with_levels(color_png(8, 200)).levels is None


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB", "L"])
def test_pixels_under_alpha_0_are_black(mode):
    color = np.full((4, 4, 3), 200, np.uint8)
    color[0] = 10
    image = Image.fromarray(color).convert("L" if mode in ("L", "LA") else "RGB")
    options = {}
    if mode == "P":
        image = image.quantize(2)
        options["transparency"] = int(np.asarray(image)[0, 0])
    elif mode in ("RGB", "L"):
        options["transparency"] = (10, 10, 10) if mode == "RGB" else 10
    else:
        alpha = np.full((4, 4), 128, np.uint8)
        alpha[0] = 0
        image.putalpha(Image.fromarray(alpha))
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    found = decode(stream.getvalue())
    assert found[0].max() == 0
    assert (found[1:] == 200).all()  # what is half transparent keeps its color
