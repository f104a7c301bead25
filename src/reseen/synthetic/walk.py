"""Who walks through the view of a camera, when and where; determined by the settings alone.

CrowdVideoPlan -> walks of a camera -> where each person is in a frame
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from reseen.errors import SettingsError

HORIZON_SHARE = 0.42
"""Where people would vanish, as a share of the frame's height from the top."""

_NEAREST, _FARTHEST = 0.97, 0.78
"""Where feet may be, as shares of the frame's height."""

_TALL = 0.55
"""Height of an average person at the lower edge, as a share of the frame's height."""

_STRIDE = 0.8
"""Body heights walked in one cycle of the legs."""


@dataclass(frozen=True)
class CrowdVideoPlan:
    """The settings of a crowd on video, which determine every frame of it.

    Raises:
        SettingsError: a setting is out of range.
    """

    people: int
    cameras: int
    seed: int
    seconds: float = 20.0
    frame_rate: int = 10
    height: int = 360
    width: int = 640

    def __post_init__(self) -> None:
        _within("people", self.people, 1, 9999, "a person's number has four digits")
        _within("cameras", self.cameras, 1, 99, "a camera's number has two digits")
        _within("seed", self.seed, 0, 2**63 - 1, "any whole number of 63 bits")
        _within("seconds", self.seconds, 1, 86_400, "length of each video")
        _within("frame_rate", self.frame_rate, 2, 60, "frames per second")
        _within("height", self.height, 96, 2160, "pixels")
        _within("width", self.width, 128, 3840, "pixels")
        if self.height % 2 or self.width % 2:
            raise SettingsError(
                f"height and width of a video must be even, found {self.height} x {self.width}"
            )

    def as_dict(self) -> dict[str, int | float]:
        """The settings by name, for a JSON file."""
        return asdict(self)

    @property
    def frames(self) -> int:
        """Number of frames of each video."""
        return max(1, round(self.seconds * self.frame_rate))


@dataclass(frozen=True)
class Walk:
    """One person's way through the view of one camera. Lengths are in frame pixels."""

    person: int
    """Number of the person, from 1."""
    start: int
    """First frame, from 0."""
    frames: int
    """Number of frames until the other side is reached."""
    feet: float
    """Distance of the feet from the upper edge."""
    height: float
    """Height of an average body here."""
    rightward: bool
    """Whether the person walks from left to right."""
    phase: float
    """Phase of the legs in the first frame, 0 to 2 pi."""
    width: int
    """Width of the frame."""

    def position(self, frame: int) -> tuple[float, float] | None:
        """Horizontal position of the feet and phase of the legs in a frame; None where the person is out of view."""
        passed = frame - self.start
        if not 0 <= passed < self.frames:
            return None
        margin = 0.3 * self.height
        way = self.width + 2 * margin
        gone = way * passed / max(self.frames - 1, 1)
        x = gone - margin if self.rightward else self.width + margin - gone
        return x, self.phase + 2 * math.pi * gone / (_STRIDE * self.height)


def planned_walks(plan: CrowdVideoPlan, camera: int) -> Iterator[Walk]:
    """Yield every person's walk through the view of `camera` (from 1), from the farthest to the nearest."""
    walks = [_walk(plan, camera, person) for person in range(1, plan.people + 1)]
    yield from sorted(walks, key=lambda walk: (walk.feet, walk.person))


def _walk(plan: CrowdVideoPlan, camera: int, person: int) -> Walk:
    generator = np.random.default_rng([plan.seed, 6, person, camera])
    depth, begin, phase, pace, side = generator.random(5).tolist()
    share = _FARTHEST + (_NEAREST - _FARTHEST) * depth
    height = plan.height * _TALL * (share - HORIZON_SHARE) / (1 - HORIZON_SHARE)
    speed = height * (0.75 + 0.5 * pace)  # pixels per second
    seconds = min((plan.width + 0.6 * height) / speed, plan.seconds)
    start = (plan.seconds - seconds) * begin
    return Walk(
        person,
        round(start * plan.frame_rate),
        max(1, round(seconds * plan.frame_rate)),
        share * plan.height,
        height,
        side < 0.5,
        2 * math.pi * phase,
        plan.width,
    )


def _within(name: str, value: float, low: float, high: float, why: str) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{name} must be between {low} and {high} ({why}), found {value}")
