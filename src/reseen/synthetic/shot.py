"""Drawing of one image: a person in a scene, seen by one camera."""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL import Image

from reseen.synthetic.brush import Brush
from reseen.synthetic.camera import Camera, capture, make_camera, sample_yaw
from reseen.synthetic.figure import draw_figure
from reseen.synthetic.person import Appearance, sample_person
from reseen.synthetic.pose import sample_pose
from reseen.synthetic.scene import draw_occluder, render_scene

OVERSAMPLE = 3
"""Canvas pixels per image pixel along each axis."""

_FILL = 0.93
"""Height of an average person as a fraction of the crop's height."""

_OCCLUDED, _ACCOMPANIED = 0.16, 0.08


class Subject(IntEnum):
    """What a crop shows. The values are part of the seed of its random generator and must not change."""

    PERSON = 0
    JUNK = 1
    """A badly cropped person, as by a poor detector."""
    NOBODY = 2
    """Background only."""


@dataclass(frozen=True)
class Shot:
    """The specification of one image: person and camera from 1, and the index of the image of this pair, from 0."""

    person: int
    camera: int
    index: int
    subject: Subject = Subject.PERSON


def draw_shot(shot: Shot, seed: int, height: int, width: int) -> UInt8[np.ndarray, "h w 3"]:
    """Draw the pixels of a shot; deterministic given the arguments."""
    generator = np.random.default_rng([seed, 3, shot.person, shot.camera, shot.index, shot.subject])
    camera = camera_of(seed, shot.camera)
    canvas, feet = _backdrop(shot, seed, height, width, generator)
    if shot.subject != Subject.NOBODY:
        _draw_people(canvas, shot, seed, camera, feet, generator)
    small = canvas.reduce(OVERSAMPLE)
    return capture(small, camera, generator)


def encode_shot(shot: Shot, seed: int, height: int, width: int) -> bytes:
    """Draw a shot and encode it as a JPEG file, with the quality of its camera."""
    pixels = draw_shot(shot, seed, height, width)
    quality = camera_of(seed, shot.camera).quality
    return simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorsubsampling="420")


@lru_cache(maxsize=4096)
def person_of(seed: int, number: int) -> Appearance:
    """The appearance of person `number`."""
    return sample_person(np.random.default_rng([seed, 1, number]))


@lru_cache(maxsize=128)
def camera_of(seed: int, number: int) -> Camera:
    """The parameters of camera `number`, from 1."""
    offset = float(np.random.default_rng([seed, 2]).random())
    return make_camera(np.random.default_rng([seed, 2, number]), number - 1, offset)


@lru_cache(maxsize=100)
def _scene_of(seed: int, number: int, height: int, width: int) -> Image.Image:
    first = int(np.random.default_rng([seed, 4]).integers(1000))
    return render_scene(np.random.default_rng([seed, 4, number]), first + number, width, height)


def _backdrop(
    shot: Shot, seed: int, height: int, width: int, generator: np.random.Generator
) -> tuple[Image.Image, float]:
    """A random crop of the camera's scene, and the vertical position of the person's feet, in canvas pixels."""
    tall, wide = height * OVERSAMPLE, width * OVERSAMPLE
    scene = _scene_of(seed, shot.camera, tall, wide)
    x = int(generator.integers(scene.width - wide + 1))
    y = int(generator.integers(scene.height - tall + 1))
    feet = tall * (0.965 + 0.02 * float(generator.standard_normal()))
    return scene.crop((x, y, x + wide, y + tall)), feet


def _draw_people(
    canvas: Image.Image, shot: Shot, seed: int, camera: Camera, feet: float, generator: np.random.Generator
) -> None:
    zoom, shift, blocked, company = generator.random(4).tolist()
    scale = canvas.height * _FILL * (0.94 + 0.12 * zoom)
    middle = canvas.width * (0.5 + 0.14 * (shift - 0.5))
    if shot.subject == Subject.JUNK:
        scale *= 1.9
        feet += canvas.height * float(generator.uniform(0.1, 0.75))
        middle += canvas.width * float(generator.choice((-0.4, 0.4)))
    yaw = sample_yaw(camera, generator)
    if company < 2 * _ACCOMPANIED:
        side = float(generator.choice((-0.42, 0.42))) * canvas.width
        other = sample_person(generator)
        front = company < _ACCOMPANIED
        spot = (middle + side * 1.15, feet + (0.03 if front else -0.035) * canvas.height)
        if not front:
            _draw_one(canvas, other, spot, scale * 0.94, yaw, camera, generator)
        _draw_one(canvas, person_of(seed, shot.person), (middle, feet), scale, yaw, camera, generator)
        if front:
            _draw_one(canvas, other, spot, scale * 1.03, yaw + 0.4, camera, generator)
    else:
        _draw_one(canvas, person_of(seed, shot.person), (middle, feet), scale, yaw, camera, generator)
    if blocked < _OCCLUDED:
        draw_occluder(canvas, generator)


def _draw_one(
    canvas: Image.Image,
    person: Appearance,
    spot: tuple[float, float],
    scale: float,
    yaw: float,
    camera: Camera,
    generator: np.random.Generator,
) -> None:
    drop_shadow(canvas, spot, scale, camera.light)
    pose = sample_pose(generator)
    brush = Brush(canvas, spot, scale * person.height, yaw, camera.pitch, camera.light)
    draw_figure(brush, person, pose, cloth_scale=round(canvas.height * _FILL))


def drop_shadow(canvas: Image.Image, spot: tuple[float, float], scale: float, light: int) -> None:
    """Draw the shadow of a person who stands at `spot`, `scale` canvas pixels tall."""
    mask = _shadow_mask(round(scale * 0.5 / 8) * 8, max(8, round(scale * 0.09)))
    x, y = round(spot[0] - mask.width / 2 - light * scale * 0.1), round(spot[1] - mask.height / 2)
    canvas.paste((26, 22, 48), (x, y), mask)


@lru_cache(maxsize=64)
def _shadow_mask(width: int, height: int) -> Image.Image:
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    y = (np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1
    fall = np.clip(1 - np.hypot(*np.meshgrid(x, y)), 0, 1) ** 0.8
    return Image.fromarray((fall * 150).astype(np.uint8))
