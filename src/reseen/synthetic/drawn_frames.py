"""The frames of one camera that people walk past, with the exact box of every person in every frame."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageChops

from reseen.synthetic.brush import Brush
from reseen.synthetic.camera import Camera, film
from reseen.synthetic.figure import draw_figure
from reseen.synthetic.pose import Pose, sample_pose
from reseen.synthetic.scene import render_scene
from reseen.synthetic.shot import camera_of, drop_shadow, person_of
from reseen.synthetic.walk import CrowdVideoPlan, Walk, planned_walks

OVERSAMPLE = 2
"""Canvas pixels per frame pixel along each axis."""

_SCENE_WIDTHS, _SCENE_HEIGHTS = 5, 1.2
"""Size of a scene in units of the crop that it is drawn for."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels of the frame."""


@dataclass(frozen=True)
class DrawnPerson:
    """A person in a frame."""

    person: int
    """Number of the person, from 1."""
    box: Box
    """The bounding box of the person within the frame, occluded parts included."""
    visibility: float
    """Share of the box that no nearer person's box covers, 0 to 1."""


@dataclass(frozen=True)
class DrawnFrame:
    """A frame and who is in it."""

    pixels: UInt8[np.ndarray, "h w 3"]
    people: tuple[DrawnPerson, ...]


def draw_frames(plan: CrowdVideoPlan, camera: int) -> Iterator[DrawnFrame]:
    """Draw the frames of `camera` (from 1) in order; deterministic given the arguments."""
    seen_by = camera_of(plan.seed, camera)
    scene = _scene(plan, camera)
    walks = [(walk, _pose(plan, camera, walk)) for walk in planned_walks(plan, camera)]
    for number in range(plan.frames):
        canvas, people = scene.copy(), []
        for walk, pose in walks:
            place = walk.position(number)
            if place is not None:
                box = _draw_walker(canvas, plan, seen_by, walk, replace(pose, phase=place[1]), place[0])
                if box is not None:
                    people.append((walk.person, box))
        generator = np.random.default_rng([plan.seed, 7, camera, number])
        yield DrawnFrame(film(canvas.reduce(OVERSAMPLE), seen_by, generator), _with_visibility(people))


def _scene(plan: CrowdVideoPlan, camera: int) -> Image.Image:
    size = (plan.width * OVERSAMPLE, plan.height * OVERSAMPLE)
    first = int(np.random.default_rng([plan.seed, 4]).integers(1000))
    crop = math.ceil(size[0] / _SCENE_WIDTHS), math.ceil(size[1] / _SCENE_HEIGHTS)
    scene = render_scene(np.random.default_rng([plan.seed, 4, camera]), first + camera, *crop)
    return scene.resize(size)


def _pose(plan: CrowdVideoPlan, camera: int, walk: Walk) -> Pose:
    return sample_pose(np.random.default_rng([plan.seed, 8, walk.person, camera]))


def _draw_walker(
    canvas: Image.Image, plan: CrowdVideoPlan, camera: Camera, walk: Walk, pose: Pose, x: float
) -> Box | None:
    """Draw a person; the box of what was drawn, None where nothing is within the frame."""
    spot, scale = (x * OVERSAMPLE, walk.feet * OVERSAMPLE), walk.height * OVERSAMPLE
    drop_shadow(canvas, spot, scale, camera.light)
    reach = (round(spot[0] - 0.6 * scale), round(spot[1] - 1.4 * scale))
    window = (*reach, round(spot[0] + 0.6 * scale), round(spot[1] + 0.3 * scale))
    window = (
        max(window[0], 0),
        max(window[1], 0),
        min(window[2], canvas.width),
        min(window[3], canvas.height),
    )
    if window[0] >= window[2] or window[1] >= window[3]:
        return None
    before = canvas.crop(window)
    person = person_of(plan.seed, walk.person)
    yaw = math.pi / 2 if walk.rightward else -math.pi / 2
    brush = Brush(canvas, spot, scale * person.height, yaw, camera.pitch, camera.light)
    draw_figure(brush, person, pose, cloth_scale=round(scale))
    drawn = ImageChops.difference(before, canvas.crop(window)).getbbox()
    if drawn is None:
        return None
    left, top, right, bottom = ((drawn[side] + window[side % 2]) / OVERSAMPLE for side in range(4))
    return (left, top, right, bottom)


def _with_visibility(people: list[tuple[int, Box]]) -> tuple[DrawnPerson, ...]:
    """The people of a frame, given from the farthest to the nearest."""
    return tuple(
        DrawnPerson(person, box, _visible(box, [nearer for _, nearer in people[place + 1 :]]))
        for place, (person, box) in enumerate(people)
    )


def _visible(box: Box, nearer: list[Box]) -> float:
    """Share of a box that no other box covers, counted on a grid of half pixels."""
    left, top, right, bottom = (round(side * OVERSAMPLE) for side in box)
    free = np.ones((max(bottom - top, 1), max(right - left, 1)), dtype=bool)
    for other in nearer:
        x0, y0, x1, y1 = (round(side * OVERSAMPLE) for side in other)
        free[max(y0 - top, 0) : max(y1 - top, 0), max(x0 - left, 0) : max(x1 - left, 0)] = False
    return float(free.mean())
