"""Simulated cameras: color cast, tone curve, blur, noise, compression and the predominant viewing direction."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageFilter

_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Camera:
    """The fixed parameters of one camera."""

    gains: tuple[float, float, float]
    """White balance: factor for each channel, 0.85 to 1.18."""
    gamma: float
    """Exponent of the tone curve, 0.8 to 1.3."""
    brightness: float
    """Offset after the curve, -0.06 to 0.06 of full scale."""
    contrast: float
    """Contrast factor around middle gray, 0.82 to 1.08."""
    blur: float
    """Standard deviation of the blur, in pixels of the crop, 0 to 0.9."""
    noise: float
    """Standard deviation of the noise, in gray levels, 2 to 9."""
    quality: int
    """JPEG quality, 60 to 92."""
    pitch: float
    """Downward tilt in radians."""
    yaw: float
    """Predominant walking direction of people in radians: 0 toward the camera, pi / 2 to its right."""
    light: int
    """1 or -1: light from the right or left."""


def make_camera(generator: np.random.Generator, index: int, offset: float) -> Camera:
    """Draw the parameters of camera `index`, from 0.

    The most important parameters are spread over their ranges by a golden-ratio sequence that starts at `offset` (0 to
    1), so that even a few cameras differ strongly.
    """

    def spread(start: float) -> float:
        return (offset + start + index * _GOLDEN) % 1.0

    hue, strength = 2 * math.pi * spread(0.0), float(generator.uniform(0.08, 0.16))
    red, green, blue = (math.exp(strength * math.cos(hue - turn)) for turn in (0.0, 2.1, 4.2))
    return Camera(
        gains=(red, green, blue),
        gamma=math.exp(math.log(0.8) + math.log(1.3 / 0.8) * spread(0.37)),
        brightness=float(generator.uniform(-0.06, 0.06)),
        contrast=float(generator.uniform(0.82, 1.08)),
        blur=0.9 * float(generator.random()) ** 1.5,
        noise=float(generator.uniform(2, 9)),
        quality=int(generator.integers(60, 93)),
        pitch=float(generator.uniform(0.06, 0.3)),
        yaw=2 * math.pi * spread(0.71),
        light=1 if generator.random() < 0.5 else -1,
    )


def sample_yaw(camera: Camera, generator: np.random.Generator) -> float:
    """Draw a walking direction in radians: near the camera's predominant one (probability 0.66) or its opposite."""
    turn = 0.0 if generator.random() < 0.66 else math.pi
    return camera.yaw + turn + float(generator.normal(0, 0.35))


def capture(image: Image.Image, camera: Camera, generator: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """The image as recorded by `camera`, with small random changes of blur, exposure and tint."""
    sharpness, exposure, tint = generator.random(3).tolist()
    blur = camera.blur * (0.6 + 0.8 * sharpness)
    curve = tone_curve(camera, exposure=0.9 + 0.2 * exposure, tint=0.06 * (tint - 0.5))
    return _record(image, camera, blur, curve, generator)


def film(image: Image.Image, camera: Camera, generator: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """A frame as recorded by `camera`: only the noise changes from frame to frame."""
    return _record(image, camera, camera.blur, tone_curve(camera), generator)


def _record(
    image: Image.Image,
    camera: Camera,
    blur: float,
    curve: UInt8[np.ndarray, "3 256"],
    generator: np.random.Generator,
) -> UInt8[np.ndarray, "h w 3"]:
    if blur > 0.2:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    pixels = np.asarray(image.point(curve.reshape(-1).tolist()), dtype=np.float32)
    start = int(generator.integers(3 * pixels.size))
    noisy = pixels + camera.noise * _noise(pixels.size)[start : start + pixels.size].reshape(pixels.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@lru_cache(maxsize=4)
def _noise(size: int) -> Float32[np.ndarray, " n"]:
    """A buffer of normal noise; images of `size` values use slices of it, which is much faster than new noise."""
    return np.random.default_rng(0).standard_normal(4 * size, dtype=np.float32)


def tone_curve(camera: Camera, exposure: float = 1.0, tint: float = 0.0) -> UInt8[np.ndarray, "3 256"]:
    """The lookup table of each channel's levels; monotone, so that the order of levels is preserved."""
    level = np.arange(256, dtype=np.float64)[None] / 255
    gains = exposure * np.array(camera.gains)[:, None] * np.array([[1 + tint], [1.0], [1 - tint]])
    bent = (level * gains).clip(0, 1.35) ** camera.gamma
    bent = np.where(bent > 0.8, 0.8 + 0.2 * np.tanh((bent - 0.8) / 0.4), bent)  # soft clipping of highlights
    value = (bent - 0.5) * camera.contrast + 0.5 + camera.brightness
    return (value.clip(0, 1) * 255).round().astype(np.uint8)
