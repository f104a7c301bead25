"""Backgrounds and occluders: one wide, slightly blurred scene per camera, and objects in front of people."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from reseen.synthetic.brush import darker
from reseen.synthetic.person import CLOTH, Color

_WIDE, _TALL = 5, 1.2
"""Width and height of a scene in units of the crop, which is cut from a random position."""

_HAZE = (196, 196, 192)


def render_scene(generator: np.random.Generator, kind: int, width: int, height: int) -> Image.Image:
    """Draw the scene of one camera, for crops of `width` x `height` canvas pixels; `kind` (any integer) is its type."""
    size = (_WIDE * width, round(_TALL * height))
    horizon = round(size[1] * generator.uniform(0.3, 0.5))
    image = Image.new("RGB", size)
    _SCENES[kind % len(_SCENES)](ImageDraw.Draw(image, "RGBA"), size, horizon, generator)
    soft = image.filter(ImageFilter.GaussianBlur(height / 130))
    grain = generator.normal(0, 4, (size[1] // 3, size[0] // 3)).astype(np.float32)
    speckle = Image.fromarray(np.clip(grain + 128, 0, 255).astype(np.uint8)).resize(size)
    faded = Image.blend(
        soft, Image.new("RGB", size, _HAZE), 0.4
    )  # so that people contrast with the background
    return Image.blend(faded, Image.merge("RGB", [speckle] * 3), 0.06)


def _fade(draw: ImageDraw.ImageDraw, top: int, bottom: int, width: int, first: Color, last: Color) -> None:
    for y in range(top, bottom):
        share = (y - top) / max(1, bottom - top)
        color = tuple(int(a + (b - a) * share) for a, b in zip(first, last, strict=True))
        draw.line((0, y, width, y), fill=color)


def _rays(draw: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int, step: float, color: tuple) -> None:
    """Draw ground lines that converge at the horizon, and cross lines that get denser toward it."""
    width, height = size
    middle = width / 2
    for x in np.arange(-3 * width, 4 * width, step):
        draw.line((middle + (x - middle) * 0.25, horizon, x, height), fill=color, width=2)
    for row in range(1, 9):
        y = horizon + (height - horizon) * (row / 8) ** 2
        draw.line((0, y, width, y), fill=color, width=2)


def _street(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int, generator: np.random.Generator
) -> None:
    width, height = size
    x = 0
    while x < width:
        wide = int(generator.uniform(0.16, 0.3) * width)
        wall = ((214, 186, 160), (188, 160, 152), (206, 204, 196), (170, 182, 194))[
            int(generator.integers(4))
        ]
        draw.rectangle((x, 0, x + wide, horizon), fill=wall)
        pane = max(6, wide // 7)
        for wx in range(x + pane // 2, x + wide - pane, 2 * pane):
            for wy in range(-pane, horizon - 2 * pane, 3 * pane):
                draw.rectangle((wx, wy, wx + pane, wy + 2 * pane), fill=(86, 104, 126))
        draw.rectangle((x, horizon - 2 * pane, x + wide, horizon - pane), fill=darker(wall, 0.72))
        x += wide
    _fade(draw, horizon, height, width, (150, 146, 144), (188, 182, 176))
    _rays(draw, size, horizon, width / 9, (110, 106, 108, 120))


def _park(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int, generator: np.random.Generator
) -> None:
    width, height = size
    _fade(draw, 0, horizon, width, (168, 206, 232), (226, 236, 230))
    for _ in range(26):
        x, r = generator.uniform(0, width), generator.uniform(0.05, 0.13) * height
        y = horizon - r * generator.uniform(0.5, 1.6)
        green = int(generator.uniform(96, 150))
        draw.rectangle((x - 3, y, x + 3, horizon + 2), fill=(104, 78, 58))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(green - 40, green, green - 52))
    _fade(draw, horizon, height, width, (112, 156, 88), (144, 186, 104))
    path = ((0.38, horizon), (0.5, horizon), (0.95, height), (0.05, height))
    draw.polygon([(x * width, y) for x, y in path], fill=(214, 196, 160))
    for _ in range(260):
        x, y = generator.uniform(0, width), horizon + (height - horizon) * generator.random() ** 0.7
        draw.line((x, y, x + 2, y - 7), fill=(84, 130, 66, 130), width=2)


def _plaza(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int, generator: np.random.Generator
) -> None:
    width, height = size
    _fade(draw, 0, horizon, width, (198, 206, 212), (224, 220, 212))
    for x in np.arange(0, width, width / 11):
        draw.rectangle((x, 0, x + width / 40, horizon), fill=(172, 170, 168))
    _fade(draw, horizon, height, width, (176, 150, 130), (206, 178, 152))
    _rays(draw, size, horizon, width / 14, (140, 112, 98, 150))
    for x in generator.uniform(0, width, 7):
        draw.rectangle((x - 22, horizon - 6, x + 22, horizon + 22), fill=(150, 96, 72))
        draw.ellipse((x - 30, horizon - 56, x + 30, horizon + 2), fill=(92, 138, 88))


def _bricks(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int, generator: np.random.Generator
) -> None:
    width, height = size
    floor = round(horizon + 0.3 * height)
    draw.rectangle((0, 0, width, floor), fill=(196, 178, 166))
    tall, wide = max(4, height // 30), max(8, height // 13)
    for row, y in enumerate(range(0, floor, tall)):
        for x in range(-(row % 2) * wide // 2, width, wide):
            tone = generator.uniform(0.86, 1.05)
            draw.rectangle((x, y, x + wide - 3, y + tall - 3), fill=darker((176, 104, 84), tone))
    _fade(draw, floor, height, width, (134, 132, 136), (166, 164, 166))
    draw.rectangle((0, floor - 5, width, floor + 5), fill=(104, 100, 104))


def _station(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int, generator: np.random.Generator
) -> None:
    width, height = size
    _fade(draw, 0, horizon, width, (86, 94, 112), (150, 158, 168))
    for x in np.arange(0, width, width / 7):
        wide = width / 18
        accent = CLOTH[int(generator.integers(len(CLOTH)))]
        draw.rectangle((x, horizon * 0.3, x + wide, horizon * 0.8), fill=darker(accent, 0.85))
        draw.rectangle((x + wide * 1.7, 0, x + wide * 2, horizon), fill=(66, 72, 86))
    _fade(draw, horizon, height, width, (120, 126, 138), (176, 180, 188))
    _rays(draw, size, horizon, width / 12, (214, 218, 224, 90))
    y = horizon + 0.3 * (height - horizon)
    draw.rectangle((0, y, width, y + height / 30), fill=(224, 186, 72))


def _crossing(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int, generator: np.random.Generator
) -> None:
    width, height = size
    _fade(draw, 0, horizon, width, (190, 200, 206), (168, 172, 176))
    for x in np.arange(0, width, width / 6):
        car = CLOTH[int(generator.integers(len(CLOTH)))]
        wide, y = width / 7.5, horizon - height / 60
        draw.rounded_rectangle((x, y - height / 14, x + wide, y), radius=9, fill=car)
        draw.rounded_rectangle(
            (x + wide / 5, y - height / 8, x + wide * 0.8, y - height / 18), 9, fill=darker(car, 0.7)
        )
        for wheel in (0.25, 0.75):
            cx = x + wide * wheel
            draw.ellipse((cx - 11, y - 11, cx + 11, y + 11), fill=(38, 38, 44))
    _fade(draw, horizon, height, width, (92, 94, 102), (120, 122, 130))
    for x in np.arange(-width, 2 * width, width / 5):
        far = width / 2 + (x - width / 2) * 0.55
        corners = (
            (far, horizon * 1.25),
            (far + width / 26, horizon * 1.25),
            (x + width / 12, height),
            (x, height),
        )
        draw.polygon(corners, fill=(228, 226, 220))


Artist = Callable[[ImageDraw.ImageDraw, tuple[int, int], int, np.random.Generator], None]
_SCENES: tuple[Artist, ...] = (_street, _park, _plaza, _bricks, _station, _crossing)


def draw_occluder(image: Image.Image, generator: np.random.Generator) -> None:
    """Draw a pole, bush, car or sign in front of the people in the image."""
    draw = ImageDraw.Draw(image, "RGBA")
    _OCCLUDERS[int(generator.integers(len(_OCCLUDERS)))](draw, image.size, generator)


def _pole(draw: ImageDraw.ImageDraw, size: tuple[int, int], generator: np.random.Generator) -> None:
    x, r = generator.uniform(0.2, 0.8) * size[0], size[0] * generator.uniform(0.035, 0.06)
    draw.rectangle((x - r, 0, x + r, size[1]), fill=(112, 118, 126))
    draw.rectangle((x + r * 0.2, 0, x + r * 0.6, size[1]), fill=(196, 202, 208, 110))
    draw.rectangle((x - r * 1.2, size[1] * 0.72, x + r * 1.2, size[1] * 0.76), fill=(224, 176, 60))


def _bush(draw: ImageDraw.ImageDraw, size: tuple[int, int], generator: np.random.Generator) -> None:
    middle = generator.choice((0.12, 0.88)) * size[0]
    top = size[1] * generator.uniform(0.6, 0.78)
    for _ in range(34):
        r = size[0] * generator.uniform(0.05, 0.11)
        x, y = generator.normal(middle, 0.17 * size[0]), generator.uniform(top, size[1])
        green = int(generator.uniform(92, 158))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(green - 44, green, green - 54))
        draw.ellipse(
            (x - r * 0.2, y - r * 0.7, x + r * 0.5, y), fill=(green - 20, green + 26, green - 34, 120)
        )


def _car(draw: ImageDraw.ImageDraw, size: tuple[int, int], generator: np.random.Generator) -> None:
    width, height = size
    paint = CLOTH[int(generator.integers(len(CLOTH)))]
    top = height * generator.uniform(0.7, 0.8)
    left = width * generator.uniform(-1.2, 0.1)
    draw.rounded_rectangle((left, top, left + 1.9 * width, height * 1.2), radius=30, fill=darker(paint, 0.6))
    draw.rounded_rectangle((left + 3, top + 3, left + 1.9 * width - 3, height * 1.2), radius=28, fill=paint)
    draw.rectangle(
        (left, top + 0.1 * height, left + 1.9 * width, top + 0.115 * height), fill=(255, 255, 255, 90)
    )
    wheel, r = left + generator.choice((0.4, 1.4)) * width, 0.2 * width
    draw.ellipse((wheel - r, height - r, wheel + r, height + r), fill=(36, 36, 42))
    draw.ellipse((wheel - r / 2, height - r / 2, wheel + r / 2, height + r / 2), fill=(176, 180, 186))


def _sign(draw: ImageDraw.ImageDraw, size: tuple[int, int], generator: np.random.Generator) -> None:
    width, height = size
    x, y, r = generator.choice((0.1, 0.9)) * width, generator.uniform(0.25, 0.5) * height, 0.2 * width
    draw.rectangle((x - 4, y, x + 4, height), fill=(126, 130, 136))
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(240, 240, 236))
    draw.ellipse((x - r * 0.86, y - r * 0.86, x + r * 0.86, y + r * 0.86), fill=(52, 96, 170))
    angles = [math.radians(a) for a in (90, 210, 330)]
    draw.polygon(
        [(x + r * 0.5 * math.cos(a), y - r * 0.5 * math.sin(a)) for a in angles], fill=(240, 240, 236)
    )


Blocker = Callable[[ImageDraw.ImageDraw, tuple[int, int], np.random.Generator], None]
_OCCLUDERS: tuple[Blocker, ...] = (_pole, _bush, _car, _sign)
