"""The files of a crowd, in a fixed order, with what each shows; determined by the settings alone."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from reseen.errors import SettingsError
from reseen.synthetic.shot import Shot, Subject

TRAIN, QUERY, GALLERY = "bounding_box_train", "query", "bounding_box_test"
"""Folder names of the Market-1501 layout."""

STRANGER_FROM = 100_000
"""Persons from this number on appear only as distractors."""

_DISTRACTOR_SHARE, _JUNK_SHARE = 0.1, 0.05


@dataclass(frozen=True)
class CrowdPlan:
    """The settings of a crowd, which determine every byte of it.

    Raises:
        SettingsError: a setting is out of range.
    """

    people: int
    cameras: int
    seed: int
    images_per_camera: int = 4
    height: int = 128
    width: int = 64
    share_train: float = 0.5

    def __post_init__(self) -> None:
        _within("people", self.people, 1, 9999, "a person's number has four digits")
        _within("cameras", self.cameras, 1, 99, "a camera's number has two digits")
        _within("seed", self.seed, 0, 2**63 - 1, "any whole number of 63 bits")
        _within("images_per_camera", self.images_per_camera, 2, 99, "one query, the rest in the gallery")
        _within("height", self.height, 32, 1024, "pixels")
        _within("width", self.width, 16, 1024, "pixels")
        _within("share_train", self.share_train, 0.0, 1.0, "share of the people in the training set")

    def as_dict(self) -> dict[str, int | float]:
        """The settings by name, for a JSON file."""
        return asdict(self)

    @property
    def train_people(self) -> int:
        """Number of people in the training set, who have the numbers 1 to this one; all others are for testing."""
        return round(self.people * self.share_train)


def planned_shots(plan: CrowdPlan) -> Iterator[tuple[str, Shot]]:
    """Yield every file of the crowd: its path relative to the crowd's folder, and the shot it shows."""
    for person in range(1, plan.people + 1):
        for camera in range(1, plan.cameras + 1):
            for index in range(plan.images_per_camera):
                shot = Shot(person, camera, index)
                folder = TRAIN if person <= plan.train_people else QUERY if index == 0 else GALLERY
                yield f"{folder}/{_name(person, shot)}", shot
    yield from _extras(plan)


def _extras(plan: CrowdPlan) -> Iterator[tuple[str, Shot]]:
    """Distractors (0000: unknown people and empty scenes) and junk (-1: badly cropped people) in the gallery."""
    test_people = plan.people - plan.train_people
    matches = test_people * plan.cameras * (plan.images_per_camera - 1)
    if not matches:
        return
    generator = np.random.default_rng([plan.seed, 5])
    for number in range(max(2, round(matches * _DISTRACTOR_SHARE))):
        camera = int(generator.integers(1, plan.cameras + 1))
        subject = Subject.NOBODY if number % 3 == 2 else Subject.PERSON
        shot = Shot(STRANGER_FROM + number, camera, 0, subject)
        yield f"{GALLERY}/{_name(0, shot)}", shot
    for number in range(max(1, round(matches * _JUNK_SHARE))):
        camera = int(generator.integers(1, plan.cameras + 1))
        person = int(generator.integers(plan.train_people + 1, plan.people + 1))
        shot = Shot(person, camera, 1000 + number, Subject.JUNK)
        yield f"{GALLERY}/{_name(-1, shot)}", shot


def _name(identity: int, shot: Shot) -> str:
    """A file name `PPPP_cCsS_FFFFFF_NN.jpg`, with consecutive frames for one person and camera."""
    label = f"{identity:04d}" if identity >= 0 else "-1"
    frame = (shot.person * 173 + shot.camera * 7919) % 90_000 * 11 + shot.index % 1000
    return f"{label}_c{shot.camera}s1_{frame % 1_000_000:06d}_{shot.index // 1000:02d}.jpg"


def _within(name: str, value: float, low: float, high: float, why: str) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{name} must be between {low} and {high} ({why}), found {value}")
