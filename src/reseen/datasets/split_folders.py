"""Folders train, query and gallery (also `train_all`, `val`, `test`) of people's own, flat or with folders in them.

They are never one pool: training reads `train_all` or `train` alone. Who and which camera is on a crop is read from
its name where all names are of a known kind, as tutorials sort Market-1501 into a folder for each person; else by the
patterns that are given; else one level of folders is one folder for each person. Anything else is asked about, since
a wrong guess gives a score that looks right.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reseen.datasets.dataset import Dataset, Layout
from reseen.datasets.folder import image_paths, rows_by_pattern
from reseen.datasets.msmt17 import TRAIN_PEOPLE
from reseen.datasets.namings import Naming, naming_of
from reseen.datasets.path_pattern import IDENTITY_FIELDS, fields
from reseen.datasets.raw_rows import LabeledRows, Rows, number
from reseen.datasets.split_names import folder_of, part_folders
from reseen.datasets.values import label
from reseen.errors import DataError

SPLITS = ("train", "query", "gallery")

_CAMERA_FOLDER = re.compile(r"(?:c|cam|camera|ch|channel|view)[-_ ]?\d{1,3}", re.IGNORECASE)


@dataclass(frozen=True)
class Patterns:
    """Where the path of a crop below its split's folder names the camera and the person; None where nobody says."""

    camera: str | None = None
    """Empty for no cameras."""
    identity: str | None = None


def matches(root: Path) -> bool:
    """True when a folder with images directly below is called train, query, gallery, val or test."""
    return root.is_dir() and bool(part_folders(root))


def training(root: Path, camera_pattern: str | None = None) -> Rows:
    """The crops of the training folder with their cameras; who is on them is not read.

    Raises:
        DataError: there is no training folder, or some names alone are of a known kind.
        SettingsError: the pattern is wrong or fits no image.
    """
    return _part(root, _folder(root, "train"), camera_pattern)


def parts(root: Path, patterns: Patterns) -> dict[str, Rows]:
    """The splits that are there, without the people on them.

    Raises:
        DataError: as in `training`.
    """
    found = {}
    for split in SPLITS:
        folder = folder_of(part_folders(root), split)
        if folder is not None:
            found[split] = _part(root, folder, patterns.camera)
    return found or {"train": training(root, patterns.camera)}


def splits(root: Path, patterns: Patterns, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """Splits with the people on them, numbered alike; those present when `names` is None.

    Raises:
        DataError: a folder is missing, or it is not clear who or which camera is on a crop.
        SettingsError: a pattern is wrong or fits no image.
    """
    if names is None:
        names = [name for name in SPLITS if folder_of(part_folders(root), name)]
    folders = {name: _folder(root, name) for name in names}
    paths = {name: image_paths(root / folder) for name, folder in folders.items()}
    everything = [f"{folders[name]}/{path}" for name in names for path in paths[name]]
    naming = None if patterns.camera is not None and patterns.identity else naming_of(everything, str(root))
    if patterns.camera is None and naming is None:
        _check_no_camera_folders(root, everything)
    people = _people(root, folders, paths, naming, patterns)
    return {
        name: LabeledRows(_rows(root, folders[name], paths[name], naming, patterns.camera), people[name])
        for name in names
    }


def numbered(names: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    """People by split, counted from 1 in natural order of their names, since 0 may mean distractors; -1 stays junk."""
    labels = [text if (text := label(name)) != "-1" else None for split in names.values() for name in split]
    numbers = iter(number(labels)[0].tolist())
    counted = {name: [next(numbers) for _ in split] for name, split in names.items()}
    return {name: [value + 1 if value >= 0 else -1 for value in split] for name, split in counted.items()}


def people_folders(root: Path, paths: Sequence[str]) -> list[str]:
    """The folder that each crop lies in, where there is one for every person; paths start with the split's folder.

    Raises:
        DataError: a crop lies in no folder or several levels deep, or folders are called like cameras.
    """
    levels = [path.split("/")[1:-1] for path in paths]
    for path, folders in zip(paths, levels, strict=True):
        if len(folders) != 1 or _CAMERA_FOLDER.fullmatch(folders[0]):
            raise DataError(_question(root, path, folders))
    return [folders[0] for folders in levels]


def _people(
    root: Path,
    folders: Mapping[str, str],
    paths: Mapping[str, Sequence[str]],
    naming: Naming | None,
    patterns: Patterns,
) -> dict[str, list[int]]:
    if patterns.identity:
        return numbered({name: _by_pattern(root / folders[name], paths[name], patterns) for name in folders})
    if naming is None:
        within = {name: [f"{folders[name]}/{path}" for path in paths[name]] for name in folders}
        return numbered({name: people_folders(root, split) for name, split in within.items()})
    found = {}
    for name in folders:
        numbers = [naming.person(match) for path in paths[name] if (match := naming.match(path))]
        after = TRAIN_PEOPLE if naming.first_person == 0 and name != "train" else 0  # both are counted from 0
        found[name] = [number + after if number > 0 else number for number in numbers]
        _check_folders_agree(root / folders[name], paths[name], naming)
    return found


def _by_pattern(folder: Path, paths: Sequence[str], patterns: Patterns) -> list[str]:
    found = fields(paths, patterns.identity or "", IDENTITY_FIELDS, "identity pattern")
    strange = [path for path, match in zip(paths, found, strict=True) if not match]
    if strange:
        raise DataError(
            f"{folder}: identity pattern '{patterns.identity}' fits {len(paths) - len(strange):,} of {len(paths):,} "
            f"images, the first that it does not fit is {strange[0]}; every crop that is scored needs an identity"
        )
    return [match["identity"] for match in found]


def _check_folders_agree(folder: Path, paths: Sequence[str], naming: Naming) -> None:
    """Refuse folders that are called by numbers where the names of their files say other people."""
    for path in paths:
        above, match = path.split("/")[:-1], naming.match(path)
        if match is None or len(above) != 1 or not above[0].isdecimal():
            continue
        if match["person"].isdecimal() and int(above[0]) != int(match["person"]):
            raise DataError(
                f"{folder}: {path} lies in the folder {above[0]}, but its name, read as in {naming.title}, says person "
                f"{match['person']}; say which it is: --identity-pattern '{{identity}}/{{*}}' takes the folder"
            )


def _check_no_camera_folders(root: Path, paths: Sequence[str]) -> None:
    for path in paths:
        above = path.split("/")[1:-1]
        if len(above) > 1 or any(_CAMERA_FOLDER.fullmatch(name) for name in above):
            raise DataError(_question(root, path, above))


def _question(root: Path, path: str, above: Sequence[str]) -> str:
    """What is not clear about a crop, and the patterns that would say it."""
    cameras = [place for place, name in enumerate(above) if _CAMERA_FOLDER.fullmatch(name)]
    if not above:
        what, identity, camera = "lies in no person's folder", "{identity}_{*}", ""
    elif len(above) == 1:
        what, identity, camera = (
            "lies in a folder that is called like a camera",
            "{*}/{identity}_{*}",
            "{camera}/{*}",
        )
    else:
        what = f"lies {len(above)} folders deep, and either may name the person or the camera"
        identity, camera = "{*}/{identity}/{*}", "{camera}/{*}"
        if cameras and cameras[0] > 0:
            identity, camera = "{identity}/{*}", "{*}/{camera}/{*}"
    return (
        f"{root}: who and which camera is on a crop is not clear: {path} {what}, and its name is of no known kind. Say "
        f"where paths below the folders of the splits name them, for example --identity-pattern '{identity}' "
        f"--camera-pattern '{camera}' (an empty camera pattern for unknown cameras), or write a manifest"
    )


def _folder(root: Path, part: str) -> str:
    held = part_folders(root)
    folder = folder_of(held, part)
    if folder is None:
        if part == "train":
            raise DataError(
                f"{root}: holds {', '.join(sorted(held)) or 'no folder of crops'} but no train folder, and parts of a "
                "data set are not one pool to learn from; give the folder that is meant, such as "
                f"{root / min(held, default='train')}, or set data.layout to 'folder' to mix all images"
            )
        raise DataError(
            f"{root}: no folder {part}; to score, query and gallery hold the crops, in a folder for each person or "
            "with names that say who they are"
        )
    return folder


def _part(root: Path, folder: str, camera_pattern: str | None) -> Rows:
    paths = image_paths(root / folder)
    naming = naming_of(paths, str(root / folder)) if camera_pattern is None else None
    return _rows(root, folder, paths, naming, camera_pattern)


def _rows(
    root: Path, folder: str, paths: tuple[str, ...], naming: Naming | None, camera_pattern: str | None
) -> Rows:
    below = [f"{folder}/{path}" for path in paths]
    if camera_pattern:
        found = rows_by_pattern(root / folder, paths, camera_pattern)
        return Rows(root, below, found.cameras, found.tracklets, found.times)
    matches = [naming.match(path) for path in paths] if naming else []
    if naming is None or camera_pattern is not None:
        return Rows(root, below)
    cameras = [naming.camera(match) for match in matches if match]
    tracklets = [match["tracklet"] for match in matches if match and "tracklet" in match.groupdict()]
    return Rows(root, below, cameras, tracklets or None)


def _without_patterns(root: Path, _variant: str) -> Rows:
    return training(root)


def _splits_without_patterns(
    root: Path, _variant: str, names: Sequence[str] | None = None
) -> dict[str, LabeledRows]:
    return splits(root, Patterns(), names)


DATASET = Dataset(
    layout=Layout.SPLIT_FOLDERS,
    title="Split folders",
    matches=matches,
    training=_without_patterns,
    splits=_splits_without_patterns,
    zero_is_distractor=True,
    access="own",
    size="as many as you have",
    expected_files="train (or train_all), query and gallery, with a folder for each person or file names that say who it is",
)
