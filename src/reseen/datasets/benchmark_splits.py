"""Small benchmarks that are cut in halves of people at random, ten times.

Benchmarks that are unpacked into a folder of their own name.

Benchmarks whose splits are folders and whose file names show person and camera.

Video benchmarks of two cameras, a folder of frames for each person in each camera.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reseen.datasets.folder import first_image, image_paths, subfolders
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import DataError

SPLITS = 10
"""Cuts; scores are the mean over all of them."""


def draw_halves(people: Sequence[str], split: int) -> tuple[list[str], list[str]]:
    """People to learn from (the smaller half where the number is odd) and people to score with.

    The seed is the number of the split; order and doubles in `people` do not matter. Other codes draw other halves.
    """
    names = sorted(set(people))
    order = np.random.default_rng(split).permutation(len(names))
    middle = len(names) // 2
    return sorted(names[row] for row in order[:middle]), sorted(names[row] for row in order[middle:])


def own_folder(root: Path, name: str) -> Path:
    """The folder `name` below `root`, or `root` itself, which may be that folder."""
    return root / name if (root / name).is_dir() else root


@dataclass(frozen=True)
class NamedFolders:
    """Where the splits lie and how files are named."""

    title: str
    folders: Mapping[str, str]
    """Split to folder, below the root."""
    name: re.Pattern[str]
    """The beginning of a file name, with the groups `person` and `camera`."""
    like: str
    """A file name as people write it."""

    def has(self, root: Path, split: str) -> bool:
        """True when there is a folder for a split."""
        return (root / self.folders[split]).is_dir()

    def matches(self, root: Path) -> bool:
        """True when there are crops to learn from or crops to score with, and the first is named as it should be."""
        if not (self.has(root, "train") or (self.has(root, "query") and self.has(root, "gallery"))):
            return False
        first = first_image(root / self.folders["train" if self.has(root, "train") else "query"])
        return first is not None and self.name.match(first.rpartition("/")[2]) is not None

    def training(self, root: Path, _variant: str = "") -> Rows:
        """The crops of the training folder, each with its camera; the person in a name is not read.

        Raises:
            DataError: the folder is missing or empty, or a name shows no camera.
        """
        return self.rows(root, "train")

    def splits(
        self, root: Path, _variant: str = "", names: Sequence[str] | None = None
    ) -> dict[str, LabeledRows]:
        """Splits with the people on them, junk included; those present when `names` is None.

        Raises:
            DataError: as in `training`.
        """
        names = [name for name in self.folders if self.has(root, name)] if names is None else names
        rows = {name: self.rows(root, name) for name in names}
        return {name: LabeledRows(found, self._people(found.paths)) for name, found in rows.items()}

    def rows(self, root: Path, split: str) -> Rows:
        """The crops of one split.

        Raises:
            DataError: as in `training`.
        """
        folder = root / self.folders[split]
        if not folder.is_dir():
            raise DataError(
                f"{root}: no folder {self.folders[split]}, which holds the {split} crops of the {self.title} layout"
            )
        paths = image_paths(folder)
        matches = [self.name.match(path.rpartition("/")[2]) for path in paths]
        strange = [path for path, match in zip(paths, matches, strict=True) if match is None]
        if strange:
            raise DataError(
                f"{folder}: {len(strange):,} of {len(paths):,} names are not like {self.like}, "
                f"the first is {strange[0]}; move them away or set data.layout to 'folder'"
            )
        cameras = [f"c{int(match['camera'])}" for match in matches if match]
        return Rows(root, [f"{self.folders[split]}/{path}" for path in paths], cameras)

    def _people(self, paths: Sequence[str]) -> list[int]:
        return [int(match["person"]) for path in paths if (match := self.name.match(path.rpartition("/")[2]))]


Cameras = tuple[str, str]
"""Folders of the asking and the answering camera, below the root."""


def people_of(root: Path, camera: str) -> list[str]:
    """Names of the people a camera saw, sorted.

    Raises:
        DataError: there is no such folder, or nobody in it.
    """
    folder = root / camera
    names = [below.name for below in subfolders(folder)]
    if not names:
        raise DataError(f"{root}: no folder {camera} with a folder of frames for each person")
    return names


def halves(
    root: Path,
    cameras: Cameras,
    people: tuple[Sequence[str], Sequence[str]],
    names: Sequence[str] | None,
    numbers: dict[str, int],
) -> dict[str, LabeledRows]:
    """Splits of people to learn from and people to score with; the first camera asks for the second.

    A tracklet is one person's folder under one camera. `numbers` gives each person's identity.

    Raises:
        DataError: a folder of frames is missing or empty.
    """
    train, test = people
    wanted = {"train": (train, cameras), "query": (test, cameras[:1]), "gallery": (test, cameras[1:])}
    found = {}
    for name in names or wanted:
        chosen, seen = wanted[name]
        found[name] = frames(root, [(camera, person) for camera in seen for person in chosen], numbers)
    return found


def frames(root: Path, folders: Sequence[tuple[str, str]], numbers: dict[str, int]) -> LabeledRows:
    """All frames of some (camera, person) folders.

    Raises:
        DataError: one is missing or empty.
    """
    paths, cameras, tracklets, identities = [], [], [], []
    for camera, person in folders:
        for path in image_paths(root / camera / person):
            paths.append(f"{camera}/{person}/{path}")
            cameras.append(camera.rpartition("/")[2])
            tracklets.append(person)
            identities.append(numbers[person])
    return LabeledRows(Rows(root, paths, cameras, tracklets), identities)
