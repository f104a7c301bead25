"""What to draw and where it goes: every file of a crowd, in a fixed order, from the settings alone."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from reseen.errors import SettingsError
from reseen.synthetic.shot import Shot, Subject

TRAIN, QUERY, GALLERY = "bounding_box_train", "query", "bounding_box_test"
"""Folder names of the Market-1501 layout."""

STRANGER_FROM = 100_000
"""Persons from this number on only appear as distractors."""

_DISTRACTOR_SHARE, _JUNK_SHARE = 0.1, 0.05


@dataclass(frozen=True)
class CrowdPlan:
    """The settings that decide every byte of a crowd.

    Raises:
        SettingsError: a value outside its range, named with the range.
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
        _within(
            "images_per_camera", self.images_per_camera, 2, 99, "one is the query, the others are to be found"
        )
        _within("height", self.height, 32, 1024, "pixels")
        _within("width", self.width, 16, 1024, "pixels")
        _within("share_train", self.share_train, 0.0, 1.0, "share of the people in the training set")

    def as_dict(self) -> dict[str, int | float]:
        """The settings by name, for a JSON file."""
        return asdict(self)

    @property
    def train_people(self) -> int:
        """People in the training set; they have the numbers 1 to this one, all others are for the test."""
        return round(self.people * self.share_train)


def planned_shots(plan: CrowdPlan) -> Iterator[tuple[str, Shot]]:
    """Every file of the crowd, as its path below the crowd's folder and what it shows."""
    for person in range(1, plan.people + 1):
        for camera in range(1, plan.cameras + 1):
            for index in range(plan.images_per_camera):
                shot = Shot(person, camera, index)
                folder = TRAIN if person <= plan.train_people else QUERY if index == 0 else GALLERY
                yield f"{folder}/{_name(person, shot)}", shot
    yield from _extras(plan)


def _extras(plan: CrowdPlan) -> Iterator[tuple[str, Shot]]:
    """Distractors (0000: strangers and empty scenes) and junk (-1: people cut off) in the gallery."""
    test_people = plan.people - plan.train_people
    found = test_people * plan.cameras * (plan.images_per_camera - 1)
    if not found:
        return
    generator = np.random.default_rng([plan.seed, 5])
    for number in range(max(2, round(found * _DISTRACTOR_SHARE))):
        camera = int(generator.integers(1, plan.cameras + 1))
        subject = Subject.NOBODY if number % 3 == 2 else Subject.PERSON
        shot = Shot(STRANGER_FROM + number, camera, 0, subject)
        yield f"{GALLERY}/{_name(0, shot)}", shot
    for number in range(max(1, round(found * _JUNK_SHARE))):
        camera = int(generator.integers(1, plan.cameras + 1))
        person = int(generator.integers(plan.train_people + 1, plan.people + 1))
        shot = Shot(person, camera, 1000 + number, Subject.JUNK)
        yield f"{GALLERY}/{_name(-1, shot)}", shot


def _name(identity: int, shot: Shot) -> str:
    """`PPPP_cCsS_FFFFFF_NN.jpg`; the frames of one person before one camera follow each other."""
    label = f"{identity:04d}" if identity >= 0 else "-1"
    frame = (shot.person * 173 + shot.camera * 7919) % 90_000 * 11 + shot.index % 1000
    return f"{label}_c{shot.camera}s1_{frame % 1_000_000:06d}_{shot.index // 1000:02d}.jpg"


def _within(name: str, value: float, low: float, high: float, why: str) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{name} must be between {low} and {high} ({why}), found {value}")
