"""Bags, as parts with depth so that the body occludes them correctly, and patterned cloth (cached)."""

from collections.abc import Callable
from functools import lru_cache

from PIL import Image, ImageDraw

from reseen.synthetic.brush import Brush, Paint, Texture, darker
from reseen.synthetic.person import Appearance, Color
from reseen.synthetic.pose import SHOULDER_ABOVE_HIP, Pose, Skeleton

Part = tuple[float, Callable[[], None]]
"""The depth of a part (larger is nearer) and the function that draws it."""


def bag_parts(brush: Brush, person: Appearance, joints: Skeleton, pose: Pose) -> list[Part]:
    """The drawable parts of a person's bag; empty without a bag."""
    if person.bag == "backpack":
        return _backpack(brush, person, joints, pose)
    if person.bag == "handbag":
        return _handbag(brush, person, joints)
    if person.bag == "shoulder":
        return _shoulder_bag(brush, person, joints)
    return []


def _backpack(brush: Brush, person: Appearance, joints: Skeleton, pose: Pose) -> list[Part]:
    top = joints.hip + SHOULDER_ABOVE_HIP
    back = -(0.055 * person.build + 0.035) + pose.lean * 0.2
    color = person.bag_color

    def body() -> None:
        rows = (
            (top - 0.005, 0.05, 0.026, back),
            (top - 0.03, 0.07, 0.042, back),
            (top - 0.15, 0.076, 0.05, back),
            (top - 0.23, 0.07, 0.046, back),
        )
        brush.loft(rows, color)
        if brush.cosine < 0.3:
            pocket = [(y - 0.105, w * 0.72, d * 0.9, back - 0.02) for y, w, d, _ in rows[:2]]
            low = (top - 0.215, 0.05, 0.04, back - 0.02)
            brush.loft([*pocket, low], darker(color, 0.78))

    def straps() -> None:
        front = 0.058 * person.build
        for side in (0.06, -0.06):
            points = (
                (side, top + 0.0, front * 0.4),
                (side, top - 0.08, front),
                (side * 1.2, top - 0.17, front * 0.4),
            )
            brush.tube(points, (0.012, 0.012, 0.01), darker(color, 0.85), shade=False)

    nearness = -0.12 * brush.cosine
    parts = [(nearness if abs(brush.cosine) > 0.35 else -0.02, body)]
    return [*parts, (0.0005, straps)] if brush.cosine > 0.1 else parts


def _handbag(brush: Brush, person: Appearance, joints: Skeleton) -> list[Part]:
    arm = joints.arms[0 if person.bag_side > 0 else 1]
    x, y, z = arm.tip

    def draw() -> None:
        for half in (0.022, -0.022):
            points = ((x, y, z), (x, y - 0.045, z + half))
            brush.tube(points, (0.005, 0.005), darker(person.bag_color, 0.7), shade=False)
        rows = (
            (y - 0.045, 0.036, 0.05, z),
            (y - 0.08, 0.04, 0.062, z),
            (y - 0.13, 0.038, 0.064, z),
        )
        moved = brush.moved(x)
        moved.loft(rows, person.bag_color)
        brush.disc((x, y - 0.085, z), 0.011, (236, 206, 120), edge=False)

    return [(brush.depth(arm.end) + 0.01, draw)]


def _shoulder_bag(brush: Brush, person: Appearance, joints: Skeleton) -> list[Part]:
    side, hip = person.bag_side, joints.hip
    x, front = side * 0.098 * (0.5 + 0.5 * person.build), 0.066 * person.build
    strap = darker(person.bag_color, 0.7)

    def sling() -> None:
        face = front * min(1.0, max(-1.0, 2.5 * brush.cosine))
        points = ((-side * 0.06, hip + 0.285, 0.0), (0.0, hip + 0.14, face), (x, hip + 0.03, 0.0))
        brush.tube(points, (0.01, 0.01, 0.009), strap, shade=False)

    def pouch() -> None:
        moved = brush.moved(x)
        rows = (
            (hip + 0.045, 0.04, 0.055, 0.0),
            (hip - 0.0, 0.044, 0.066, 0.0),
            (hip - 0.075, 0.042, 0.066, 0.0),
        )
        moved.loft(rows, person.bag_color)
        flap = (
            (hip + 0.045, 0.041, 0.056, 0.0),
            (hip + 0.02, 0.044, 0.064, 0.0),
            (hip - 0.015, 0.03, 0.05, 0.0),
        )
        moved.loft(flap, darker(person.bag_color, 0.8))

    nearness = -x * brush.sine
    return [(0.0004, sling), (nearness + 0.004 if nearness > -0.03 else -0.04, pouch)]


@lru_cache(maxsize=256)
def cloth(pattern: str, first: Color, second: Color, scale: int) -> Paint:
    """The paint of a garment; `scale` is the number of canvas pixels per average body height.

    For plain cloth, and patterns that are drawn separately (`logo`, `blocks`), this is the first color.
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
