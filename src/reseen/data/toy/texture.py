"""Cloth with a pattern, rendered once for each pattern, pair of colors and size."""

from functools import lru_cache

from PIL import Image, ImageDraw

from reseen.data.toy.brush import Paint, Texture
from reseen.data.toy.person import Color


@lru_cache(maxsize=256)
def cloth(pattern: str, first: Color, second: Color, scale: int) -> Paint:
    """Paint for a garment; `scale` is the canvas pixels in one average body height.

    Plain cloth, and cloth whose pattern is one printed shape (`logo`, `blocks`), is the first color itself.
    """
    period = max(4, round(_PERIODS[pattern] * scale)) if pattern in _PERIODS else 0
    if not period:
        return first
    tile = Image.new("RGB", (period, period), first)
    _TILES[pattern](ImageDraw.Draw(tile, "RGBA"), period, second)
    size = int(0.75 * scale) // period + 3
    sheet = Image.new("RGB", (size * period, size * period))
    for x in range(size):
        for y in range(size):
            sheet.paste(tile, (x * period, y * period))
    return Texture(sheet, first, period)


def _stripes(draw: ImageDraw.ImageDraw, period: int, color: Color) -> None:
    draw.rectangle((0, 0, period, period * 0.45), fill=color)


def _pinstripes(draw: ImageDraw.ImageDraw, period: int, color: Color) -> None:
    draw.rectangle((0, 0, period * 0.34, period), fill=color)


def _checks(draw: ImageDraw.ImageDraw, period: int, color: Color) -> None:
    draw.rectangle((0, 0, period * 0.5, period), fill=(*color, 150))
    draw.rectangle((0, 0, period, period * 0.5), fill=(*color, 150))


def _dots(draw: ImageDraw.ImageDraw, period: int, color: Color) -> None:
    radius = period * 0.21
    for x, y in ((0.25, 0.25), (0.75, 0.75)):
        x, y = x * period, y * period
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


_PERIODS = {"stripes": 0.066, "pinstripes": 0.048, "checks": 0.075, "dots": 0.084}
_TILES = {"stripes": _stripes, "pinstripes": _pinstripes, "checks": _checks, "dots": _dots}
