"""Through what we see: color cast, gamma, blur, noise, compression and the side a camera mostly sees."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageFilter

_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Camera:
    """The fixed traits of one camera."""

    gains: tuple[float, float, float]
    """White balance: factor for each channel, 0.85 to 1.18."""
    gamma: float
    """Exponent of the tone curve, 0.8 to 1.3."""
    brightness: float
    """Added after the curve, -0.06 to 0.06 of full scale."""
    contrast: float
    """Factor around middle gray, 0.82 to 1.08."""
    blur: float
    """Standard deviation of the blur, in pixels of the crop, 0 to 0.9."""
    noise: float
    """Standard deviation of the noise, in gray levels, 2 to 9."""
    quality: int
    """JPEG quality, 60 to 92."""
    pitch: float
    """How far the camera looks down, radians."""
    yaw: float
    """The direction in which people mostly walk past it: 0 toward it, pi / 2 to its right."""
    light: int
    """1 or -1: the sun is to the right or to the left."""


def make_camera(generator: np.random.Generator, index: int, offset: float) -> Camera:
    """The traits of camera number `index`, 0 and up.

    The traits that matter most step through their ranges by the golden ratio, starting at `offset` (0 to 1),
    so that a few cameras already differ a lot and none is a copy of another.
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
    """The direction somebody walks: along the path of the camera, two times in three the usual way."""
    way = 0.0 if generator.random() < 0.66 else math.pi
    return camera.yaw + way + float(generator.normal(0, 0.35))


def see(image: Image.Image, camera: Camera, generator: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """The crop as `camera` records it, light and blur changing a little from image to image."""
    sharpness, exposure, tint = generator.random(3).tolist()
    blur = camera.blur * (0.6 + 0.8 * sharpness)
    if blur > 0.2:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    curve = tone_curve(camera, exposure=0.9 + 0.2 * exposure, tint=0.06 * (tint - 0.5))
    pixels = np.asarray(image.point(curve.reshape(-1).tolist()), dtype=np.float32)
    start = int(generator.integers(3 * pixels.size))
    noisy = pixels + camera.noise * _noise(pixels.size)[start : start + pixels.size].reshape(pixels.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@lru_cache(maxsize=4)
def _noise(size: int) -> Float32[np.ndarray, " n"]:
    """Normal noise for images of `size` values; each takes a piece of it, much faster than drawing anew."""
    return np.random.default_rng(0).standard_normal(4 * size, dtype=np.float32)


def tone_curve(camera: Camera, exposure: float = 1.0, tint: float = 0.0) -> UInt8[np.ndarray, "3 256"]:
    """What each channel's levels become; never falling, so a camera hides no color behind another."""
    level = np.arange(256, dtype=np.float64)[None] / 255
    gains = exposure * np.array(camera.gains)[:, None] * np.array([[1 + tint], [1.0], [1 - tint]])
    bent = (level * gains).clip(0, 1.35) ** camera.gamma
    bent = np.where(bent > 0.8, 0.8 + 0.2 * np.tanh((bent - 0.8) / 0.4), bent)  # a soft shoulder, not a cut
    value = (bent - 0.5) * camera.contrast + 0.5 + camera.brightness
    return (value.clip(0, 1) * 255).round().astype(np.uint8)
