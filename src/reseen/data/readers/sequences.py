"""Video benchmarks of two cameras, a folder of frames for each person in each camera."""

from collections.abc import Sequence
from pathlib import Path

from reseen.data.readers.folder import image_paths, subfolders
from reseen.data.readers.rows import LabelledRows, Rows
from reseen.errors import DataError

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
) -> dict[str, LabelledRows]:
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


def frames(root: Path, folders: Sequence[tuple[str, str]], numbers: dict[str, int]) -> LabelledRows:
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
    return LabelledRows(Rows(root, paths, cameras, tracklets), identities)
