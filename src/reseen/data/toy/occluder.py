"""Things that stand between the camera and a person."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from reseen.data.toy.brush import darker
from reseen.data.toy.person import CLOTH


def draw_occluder(image: Image.Image, generator: np.random.Generator) -> None:
    """Put a pole, a bush, a car or a sign in front of whoever is in the image."""
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
