"""Drawing of heads: an ellipsoid with per-pixel colors, defined in head coordinates and rendered from any side."""

import math
from functools import lru_cache

import numpy as np
from PIL import Image

from reseen.synthetic.brush import Brush, darker
from reseen.synthetic.person import Appearance, Color
from reseen.synthetic.pose import Point

WIDTH, HEIGHT = 0.064, 0.08
"""Half width and half height of a head as fractions of the average body height; enlarged so that faces are visible."""

_SIZE_STEP = 2
_EYE, _MOUTH, _NOSE, _CHEEK = (0.36, 0.0), (0.0, -0.56), (0.0, -0.24), (0.55, -0.34)
_RIM = 1.13


def draw_head(brush: Brush, person: Appearance, center: Point) -> None:
    """Draw the head with face, hat and close-fitting hair; other hair is drawn by `draw_hair`."""
    rx = max(4, round(WIDTH * brush.scale / _SIZE_STEP) * _SIZE_STEP)
    ry = max(5, round(HEIGHT * brush.scale / _SIZE_STEP) * _SIZE_STEP)
    x, y = brush.at(center)
    head, mask = _sphere_colors(person, rx, ry, brush.yaw, brush.light)
    edge = person.skin if person.hair == "bald" else person.hair_color
    e = 0.0055 * brush.scale
    brush.draw.ellipse((x - rx - e, y - ry - e, x + rx + e, y + ry + e), fill=darker(edge, 0.6))
    brush.image.paste(head, (round(x) - rx, round(y) - ry), mask)
    if person.hair == "cap":
        _draw_brim(brush, person, center)


def draw_hair(brush: Brush, person: Appearance, center: Point, before: bool) -> None:
    """Draw hair that is not close-fitting; call with `before` to draw what is behind the head, then without it."""
    if person.hair == "curly" and before:
        _draw_curls(brush, person, center)
    if before == (brush.cosine < 0):
        return
    x, y, z = center
    color = person.hair_color
    if person.hair == "bun":
        brush.disc((x, y + 0.07, z - 0.045), 0.034, color)
    elif person.hair == "ponytail":
        back = z - WIDTH * 0.9
        points = ((x, y + 0.03, back), (x, y - 0.04, back - 0.035), (x, y - 0.14, back - 0.022))
        brush.tube(points, (0.02, 0.027, 0.01), color)
    elif person.hair == "long":
        levels = (
            (y + 0.05, 0.05, 0.03, z - 0.035),
            (y - 0.01, 0.072, 0.04, z - 0.035),
            (y - 0.09, 0.076, 0.042, z - 0.04),
            (y - 0.16, 0.062, 0.032, z - 0.045),
        )
        brush.loft(levels, color)


def _draw_curls(brush: Brush, person: Appearance, center: Point) -> None:
    x, y, z = center
    for angle in (-0.5, 0.02, 0.54, 1.05, 1.57, 2.09, 2.6, 3.12, 3.64):
        out = 0.062 * math.cos(angle)
        spot = (x + out * brush.cosine, y + 0.02 + 0.072 * math.sin(angle), z + out * brush.sine)
        brush.disc(spot, 0.03, person.hair_color)


def _draw_brim(brush: Brush, person: Appearance, center: Point) -> None:
    if brush.cosine > -0.25:
        x, y, z = center
        forward = WIDTH * 0.95
        sides = ((0.05, 0.5), (0.034, 1.15), (0.0, 1.4), (-0.034, 1.15), (-0.05, 0.5))
        spots = [brush.at((x + side, y + 0.022 - 0.006 * far, z + forward * far)) for side, far in sides]
        low = [(a, b + 0.014 * brush.scale) for a, b in reversed(spots)]
        brush.draw.polygon([*spots, *low], fill=darker(person.hat_color, 0.72))


def _sphere_colors(
    person: Appearance, rx: int, ry: int, yaw: float, light: int
) -> tuple[Image.Image, Image.Image]:
    """The rendered head and its mask; `right`, `up` and `front` are directions in head coordinates."""
    across, up, near, mask = _sphere(rx, ry)
    sine, cosine = math.sin(yaw), math.cos(yaw)
    right = across * cosine - near * sine
    front = across * sine + near * cosine
    colors = np.empty((*across.shape, 3), np.float32)
    colors[:] = person.skin
    _paint_face(colors, person, np.abs(right), up, front)
    _paint_hair(colors, person, np.abs(right), up, front)
    shade = 1 - 0.24 * np.clip(0.15 - light * across * 0.8 - up * 0.25, 0, 1)
    colors *= shade[..., None]
    return Image.fromarray(colors.astype(np.uint8)), mask


def _paint_face(
    colors: np.ndarray, person: Appearance, side: np.ndarray, up: np.ndarray, front: np.ndarray
) -> None:
    seen = front > 0.1
    if not seen.any():
        return

    def spot(center: tuple[float, float], width: float, height: float) -> np.ndarray:
        return seen & (((side - center[0]) / width) ** 2 + ((up - center[1]) / height) ** 2 < 1)

    colors[spot(_CHEEK, 0.17, 0.13)] = _mix(person.skin, (236, 96, 90), 0.28)
    colors[spot(_NOSE, 0.09, 0.12)] = darker(person.skin, 0.84)
    if person.beard:
        beard = (front > 0.05) & (up < -0.34 + 0.2 * (side > 0.62)) & (up > -2)
        colors[beard] = person.hair_color
    colors[spot(_MOUTH, 0.2, 0.055)] = _mix(darker(person.skin, 0.62), (190, 50, 60), 0.5)
    colors[spot((_EYE[0], 0.2), 0.17, 0.045)] = darker(person.hair_color, 0.85)
    colors[spot(_EYE, 0.105, 0.13)] = (34, 28, 36)
    if person.glasses:
        rim = spot(_EYE, 0.28, 0.25) & ~spot(_EYE, 0.2, 0.17)
        colors[rim | (seen & (side < 0.12) & (np.abs(up) < 0.05))] = (38, 36, 44)


def _paint_hair(
    colors: np.ndarray, person: Appearance, side: np.ndarray, up: np.ndarray, front: np.ndarray
) -> None:
    if person.hair == "bald":
        colors[(up > 0.6) & (up + front > 1.1)] = _mix(person.skin, (255, 255, 255), 0.25)  # highlight
        return
    sideburn = 0.2 if person.hair in ("short", "cap") else 0.34
    line = np.where(front > sideburn, 0.44 + 0.16 * (side < 0.3), -0.5 + 0.4 * (front > -0.1))
    if person.hair in ("long", "curly"):
        line = np.where(front > 0.45, 0.42 - 0.3 * side, -0.9)
    colors[up > line] = person.hair_color
    strands = (up > line) & (np.sin(13 * side + 5 * up) > 0.75)
    colors[strands] = _mix(person.hair_color, (255, 255, 255), 0.12)
    if person.hair == "cap":
        cap = up > 0.26
        colors[cap] = person.hat_color
        colors[cap & (side < 0.06)] = darker(person.hat_color, 0.8)


@lru_cache(maxsize=64)
def _sphere(rx: int, ry: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, Image.Image]:
    """The direction (right on the screen, up, toward the camera) of every pixel of a head, and the head's mask."""
    x = (np.arange(2 * rx, dtype=np.float32) + 0.5 - rx) / rx
    y = (ry - 0.5 - np.arange(2 * ry, dtype=np.float32)) / ry
    up, across = np.meshgrid(y, x, indexing="ij")
    jaw = across * (1 + 0.16 * np.clip(-up, 0, 1) ** 2)  # narrower toward the chin
    squared = jaw**2 + up**2
    mask = Image.fromarray(((squared <= 1) * 255).astype(np.uint8))
    near = np.sqrt(np.clip(_RIM - squared, 0, 1)).astype(np.float32)
    return across, up, near, mask


def _mix(first: Color, second: Color, share: float) -> Color:
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
