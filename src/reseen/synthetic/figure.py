"""Drawing of one person: the parts of the body, from far to near (painter's algorithm)."""

from reseen.synthetic.brush import Brush, Paint, darker
from reseen.synthetic.clothes import Part, bag_parts, cloth
from reseen.synthetic.head import HEIGHT, draw_hair, draw_head
from reseen.synthetic.person import Appearance
from reseen.synthetic.pose import SHOULDER_ABOVE_HIP, Limb, Point, Pose, Skeleton, skeleton

Level = tuple[float, float, float, float]

_TORSO: tuple[Level, ...] = (
    (1.07, 0.028, 0.03, 0.0),
    (1.045, 0.066, 0.044, 0.0),
    (0.985, 0.104, 0.058, 0.0),
    (0.78, 0.094, 0.064, 0.006),
    (0.36, 0.077, 0.058, 0.0),
    (0.08, 0.086, 0.064, 0.0),
    (-0.06, 0.088, 0.064, 0.0),
)
"""Cross-sections: height (0 at the hip joints, 1 at the shoulders), half width, half depth, forward offset."""


def draw_figure(brush: Brush, person: Appearance, pose: Pose, cloth_scale: int) -> None:
    """Draw `person` in `pose`; `cloth_scale` is the scale of cloth patterns, in canvas pixels per body height."""
    joints = skeleton(person, pose)
    top = cloth(person.pattern, person.top_color, person.second_color, cloth_scale)
    neck = joints.hip + SHOULDER_ABOVE_HIP
    center = (0.0, neck + 0.036 + HEIGHT, pose.lean * 0.45 + 0.008)
    parts: list[Part] = []
    for limb in joints.legs:
        nearness = (brush.depth(limb.middle) + brush.depth(limb.end)) * 0.1 - 0.05
        parts.append((nearness, lambda limb=limb: _draw_leg(brush, person, limb)))
    parts.append((0.0, lambda: _draw_body(brush, person, pose, joints, top)))
    for limb in joints.arms:
        nearness = 0.001 + brush.depth(limb.middle) + 0.5 * brush.depth(limb.end)
        parts.append((nearness, lambda limb=limb: _draw_arm(brush, person, limb, top)))
    parts.extend(bag_parts(brush, person, joints, pose))
    parts.append((0.03 if brush.cosine > -0.4 else 0.2, lambda: _draw_neck_and_head(brush, person, center)))
    for _, draw in sorted(parts, key=lambda part: part[0]):
        draw()


def _draw_leg(brush: Brush, person: Appearance, limb: Limb) -> None:
    thick = 0.64 + 0.45 * person.build
    heel = (limb.end[0], limb.end[1] - 0.016, limb.end[2] - 0.012)
    sole = [(p[0], p[1] - 0.01, p[2]) for p in (heel, limb.tip)]
    brush.tube(sole, (0.021, 0.016), darker(person.shoe_color, 0.55), shade=False)
    brush.tube((heel, limb.tip), (0.023, 0.017), person.shoe_color, shade=False)
    radii = (0.05 * thick, 0.037 * thick, 0.024 * thick)
    joints = (limb.root, limb.middle, limb.end)
    bare = person.tights or person.skin
    if person.bottom == "trousers":
        brush.tube(joints, (0.052 * thick, 0.041 * thick, 0.033 * thick), person.bottom_color)
        return
    brush.tube(joints, radii, bare)
    if person.bottom == "shorts":
        knee = _between(limb.root, limb.middle, 0.86)
        brush.tube((limb.root, knee), (0.054 * thick, 0.05 * thick), person.bottom_color)


def _draw_body(brush: Brush, person: Appearance, pose: Pose, joints: Skeleton, top: Paint) -> None:
    stride = max(abs(limb.end[2]) for limb in joints.legs)
    hip = joints.hip
    if person.bottom != "dress":
        waist = (hip + 0.06, 0.078, 0.058, 0.0)
        seat = (hip - 0.02, 0.084, 0.062, 0.0)
        end = _hem(hip - 0.19, 0.125, 0.085 + 0.5 * stride) if person.bottom == "skirt" else None
        crotch = (hip - 0.06, 0.062, 0.05, 0.0)
        brush.loft([_fit(person, row) for row in (waist, seat, end or crotch)], person.bottom_color)
    rows = [
        (hip + SHOULDER_ABOVE_HIP * y, w * _girth(person, y), d * person.build, z + pose.lean * 0.3 * y)
        for y, w, d, z in _TORSO
    ]
    if person.bottom == "dress":
        rows = [*rows[:-1], _fit(person, _hem(hip - 0.17, 0.13, 0.09 + 0.5 * stride))]
    if person.coat:
        rows = [*rows[:-1], _fit(person, _hem(hip - 0.13, 0.11, 0.085 + 0.25 * stride))]
    brush.loft(rows, top)
    if person.bottom == "dress":
        _band(brush, person, hip + 0.1, 0.014, darker(person.second_color, 0.9))
    _draw_front(brush, person, pose, joints)


def _draw_front(brush: Brush, person: Appearance, pose: Pose, joints: Skeleton) -> None:
    """Draw what is on the clothes: color blocks from all sides; the opening of a coat and logos from the front."""
    hip, z = joints.hip, 0.062 * person.build + pose.lean * 0.2
    if person.pattern == "blocks":
        _band(brush, person, hip + 0.165, 0.045, person.second_color)
    if brush.cosine < 0.12:
        return
    if person.coat:
        corners = (
            (0.034, 0.285),
            (0.012, 0.02),
            (0.02, -0.12),
            (-0.02, -0.12),
            (-0.012, 0.02),
            (-0.034, 0.285),
        )
        brush.polygon([brush.at((x, hip + y, z)) for x, y in corners], darker(person.second_color, 0.95))
    if person.pattern == "logo":
        corners = ((0.045, 0.22), (-0.045, 0.22), (-0.045, 0.14), (0.045, 0.14))
        brush.polygon([brush.at((x, hip + y, z)) for x, y in corners], person.second_color)
        brush.disc((0.0, hip + 0.18, z), 0.02 * max(0.3, brush.cosine), person.top_color, edge=False)


def _draw_arm(brush: Brush, person: Appearance, limb: Limb, top: Paint) -> None:
    thick = 0.64 + 0.45 * person.build
    brush.tube((limb.end, limb.tip), (0.018, 0.02), person.skin, shade=False)
    points = (limb.root, limb.middle, limb.end)
    if person.long_sleeves:
        brush.tube(points, (0.032 * thick, 0.03 * thick, 0.025 * thick), top)
        return
    brush.tube(points, (0.03 * thick, 0.025 * thick, 0.019 * thick), person.skin)
    cuff = _between(limb.root, limb.middle, 0.66)
    brush.tube((limb.root, cuff), (0.032 * thick, 0.035 * thick), top)


def _draw_neck_and_head(brush: Brush, person: Appearance, center: Point) -> None:
    x, y, z = center
    draw_hair(brush, person, center, before=True)
    brush.tube(((x, y - 0.05, z - 0.006), (x, y - 0.125, z - 0.012)), (0.025, 0.03), darker(person.skin, 0.9))
    if person.scarf:
        rows = ((y - 0.075, 0.04, 0.036, z), (y - 0.1, 0.052, 0.048, z), (y - 0.125, 0.046, 0.042, z))
        brush.loft(rows, person.scarf)
    draw_head(brush, person, center)
    draw_hair(brush, person, center, before=False)


def _band(brush: Brush, person: Appearance, y: float, half_height: float, paint: Paint) -> None:
    rows = [(y + step * half_height, 0.088, 0.064, 0.002) for step in (1, 0, -1)]
    brush.loft([(a, b * _girth(person, 0.5), c * person.build, d) for a, b, c, d in rows], paint)


def _girth(person: Appearance, level: float) -> float:
    """The width factor of the body at a level between hips (0) and shoulders (1)."""
    share = min(max(level, 0.0), 1.0)
    return (0.58 + 0.5 * person.build) * (person.hips + (person.shoulders - person.hips) * share)


def _fit(person: Appearance, row: Level) -> Level:
    return (row[0], row[1] * _girth(person, 0.0), row[2] * (0.58 + 0.5 * person.build), row[3])


def _hem(height: float, width: float, depth: float) -> Level:
    return (height, width, depth, 0.0)


def _between(start: Point, end: Point, share: float) -> Point:
    x, y, z = (a + (b - a) * share for a, b in zip(start, end, strict=True))
    return x, y, z
