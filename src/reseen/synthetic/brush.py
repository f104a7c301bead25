"""Drawing primitives with shading: polygons, limbs and lofted bodies, on an oversampled canvas.

A shape is drawn in three layers: a darker, slightly larger copy as the outline, the fill, and a translucent shade on
the side away from the light. The canvas is downsampled afterwards, which antialiases all edges.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from reseen.synthetic.person import Color
from reseen.synthetic.pose import Point

Spot = tuple[float, float]

_EDGE = 0.0055
_SHADE = (24, 20, 52, 58)
_HALF_TURN = tuple((math.cos(math.pi * step / 5), math.sin(math.pi * step / 5)) for step in range(1, 5))


@dataclass(frozen=True)
class Texture:
    """Patterned cloth, periodic with `period` canvas pixels in both directions; `color` is its base color."""

    image: Image.Image
    color: Color
    period: int


Paint = Color | Texture


def darker(color: Color, share: float) -> Color:
    """`color` multiplied by `share`, 0 (black) to 1 (unchanged)."""
    return (int(color[0] * share), int(color[1] * share), int(color[2] * share))


class Brush:
    """Draws shapes given in body coordinates (see `pose`) on a canvas.

    `origin` is the canvas pixel of the point on the ground between the feet, `scale` the number of canvas pixels per
    average body height, `yaw` the orientation of the person in radians (0 faces the camera, pi / 2 faces right),
    `pitch` the downward tilt of the camera in radians, and `light` is 1 or -1 for light from the right or left.
    """

    def __init__(
        self, image: Image.Image, origin: Spot, scale: float, yaw: float, pitch: float, light: int
    ) -> None:
        self.image = image
        self.draw = ImageDraw.Draw(image)
        self.glaze = ImageDraw.Draw(image, "RGBA")  # for translucent colors; slower
        self.origin, self.scale, self.light = origin, scale, light
        self.yaw, self.pitch = yaw, pitch
        self.sine, self.cosine = math.sin(yaw), math.cos(yaw)
        self.down, self.up = math.sin(pitch), math.cos(pitch)

    def moved(self, x: float) -> "Brush":
        """A copy of the brush with its vertical axis shifted by `x` to the person's left."""
        across, rise = x * self.cosine * self.scale, x * self.sine * self.down * self.scale
        origin = (self.origin[0] + across, self.origin[1] - rise)
        return Brush(self.image, origin, self.scale, self.yaw, self.pitch, self.light)

    def depth(self, point: Point) -> float:
        """The depth of a body point along the viewing direction; larger is nearer to the camera."""
        return point[2] * self.cosine - point[0] * self.sine

    def at(self, point: Point) -> Spot:
        """Project a body point to a canvas pixel."""
        x, y, z = point
        across = x * self.cosine + z * self.sine
        rise = y * self.up - (z * self.cosine - x * self.sine) * self.down
        return self.origin[0] + across * self.scale, self.origin[1] - rise * self.scale

    def polygon(self, spots: Sequence[Spot], paint: Paint) -> None:
        """Fill the polygon with the vertices `spots`, in canvas pixels."""
        if isinstance(paint, Texture):
            self._textured(spots, paint)
        else:
            self.draw.polygon(spots, fill=paint)

    def disc(self, point: Point, radius: float, color: Color, flat: float = 1.0, edge: bool = True) -> None:
        """Draw an ellipse around a body point; `flat` is its height divided by its width."""
        x, y = self.at(point)
        rx, ry = radius * self.scale, radius * flat * self.scale
        if edge:
            e = _EDGE * self.scale
            self.draw.ellipse((x - rx - e, y - ry - e, x + rx + e, y + ry + e), fill=darker(color, 0.62))
        self.draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=color)

    def tube(self, points: Sequence[Point], radii: Sequence[float], paint: Paint, shade: bool = True) -> None:
        """Draw a rounded limb through body points, with a radius at each."""
        spine = _spine([self.at(point) for point in points])
        sizes = [radius * self.scale for radius in radii]
        color = paint.color if isinstance(paint, Texture) else paint
        e = _EDGE * self.scale
        self.draw.polygon(_outline(spine, [r + e for r in sizes]), fill=darker(color, 0.6))
        self.polygon(_outline(spine, sizes), paint)
        if shade:
            self._shade_tube(spine, sizes)

    def loft(self, levels: Sequence[tuple[float, float, float, float]], paint: Paint) -> None:
        """Draw an upright body with elliptical cross-sections.

        `levels`, from top to bottom, are (height, half width, half depth, forward offset of the center).
        """
        rows = _spline(len(levels)) @ np.asarray(levels, dtype=np.float64)
        half = np.hypot(rows[:, 1] * self.cosine, rows[:, 2] * self.sine) * self.scale
        middle = self.origin[0] + rows[:, 3] * self.sine * self.scale
        y = self.origin[1] - (rows[:, 0] * self.up - rows[:, 3] * self.cosine * self.down) * self.scale
        sag = levels[-1][2] * self.down * self.scale + 0.006 * self.scale
        color = paint.color if isinstance(paint, Texture) else paint
        self.draw.polygon(_sides(middle, half + _EDGE * self.scale, y, sag, 2.0), fill=darker(color, 0.6))
        self.polygon(_sides(middle, half, y, sag), paint)
        for share in (0.3, 0.72):
            x_in, x_out = middle - self.light * share * half, middle - self.light * half
            inner = list(zip(x_in.tolist(), y.tolist(), strict=True))
            outer = list(zip(x_out.tolist(), y.tolist(), strict=True))
            self.glaze.polygon([*inner, *reversed(outer)], fill=(*_SHADE[:3], 34))

    def _shade_tube(self, spine: Sequence[tuple[Spot, Spot]], radii: Sequence[float]) -> None:
        toward = sum(normal[0] for _, normal in spine)
        turn = -self.light if toward > 0 else self.light
        inner, outer = [], []
        for ((x, y), (nx, ny)), radius in zip(spine, radii, strict=True):
            reach = turn * radius
            inner.append((x + 0.28 * reach * nx, y + 0.28 * reach * ny))
            outer.append((x + reach * nx, y + reach * ny))
        self.glaze.polygon([*inner, *reversed(outer)], fill=_SHADE)

    def _textured(self, spots: Sequence[Spot], paint: Texture) -> None:
        xs, ys = [x for x, _ in spots], [y for _, y in spots]
        left, top = math.floor(min(xs)), math.floor(min(ys))
        width, height = math.ceil(max(xs)) - left + 1, math.ceil(max(ys)) - top + 1
        mask = Image.new("L", (width, height))
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in spots], fill=255)
        turn = 0.085 * self.yaw * self.scale  # the pattern rotates with the person
        x0 = int(left - self.origin[0] - turn) % paint.period
        y0 = int(top - self.origin[1]) % paint.period
        self.image.paste(paint.image.crop((x0, y0, x0 + width, y0 + height)), (left, top), mask)


def _spine(spots: Sequence[Spot]) -> list[tuple[Spot, Spot]]:
    """Each point of a limb with its unit normal, perpendicular to the mean direction of the adjacent segments."""
    steps = [(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in pairwise(spots)]
    units = [(dx / (math.hypot(dx, dy) or 1.0), dy / (math.hypot(dx, dy) or 1.0)) for dx, dy in steps]
    spine = []
    for spot, (ax, ay), (bx, by) in zip(spots, [units[0], *units], [*units, units[-1]], strict=True):
        dx, dy = ax + bx, ay + by
        length = math.hypot(dx, dy) or 1.0
        spine.append((spot, (-dy / length, dx / length)))
    return spine


def _outline(spine: Sequence[tuple[Spot, Spot]], radii: Sequence[float]) -> list[Spot]:
    """The outline of a rounded limb: left side, end cap, right side, start cap."""
    left, right = [], []
    for ((x, y), (nx, ny)), r in zip(spine, radii, strict=True):
        left.append((x + r * nx, y + r * ny))
        right.append((x - r * nx, y - r * ny))
    return [*left, *_cap(*spine[-1], radii[-1]), *reversed(right), *_cap(*spine[0], -radii[0])]


def _cap(spot: Spot, normal: Spot, r: float) -> list[Spot]:
    (x, y), (nx, ny) = spot, normal
    return [(x + r * (c * nx + s * ny), y + r * (c * ny - s * nx)) for c, s in _HALF_TURN]


def _sides(middle: np.ndarray, half: np.ndarray, y: np.ndarray, sag: float, extra: float = 0.0) -> list[Spot]:
    """The outline of a loft: down the right side, along the rounded hem, up the left side."""
    down = list(zip((middle + half).tolist(), y.tolist(), strict=True))
    hem = [
        (middle[-1] + half[-1] * math.cos(a), y[-1] + sag * math.sin(a) + extra)
        for a in (0.35, 0.8, 1.3, 1.85, 2.35, 2.8)
    ]
    back = list(zip((middle - half).tolist(), y.tolist(), strict=True))
    return [*down, *hem, *reversed(back)]


@lru_cache(maxsize=16)
def _spline(count: int, steps: int = 4) -> np.ndarray:
    """Interpolation weights of a Catmull-Rom spline through `count` values, `steps` points per segment."""
    weights = []
    for segment in range(count - 1):
        for t in np.arange(steps) / steps:
            row = np.zeros(count)
            knots = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
            for offset, knot in zip((-1, 0, 1, 2), knots, strict=True):
                row[min(max(segment + offset, 0), count - 1)] += knot / 2
            weights.append(row)
    return np.array([*weights, np.eye(count)[-1]])
