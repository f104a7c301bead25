"""User data in folders train, query and gallery (also `train_all`, `val`, `test`), flat or with sub-folders.

The folders are never mixed: training reads only `train_all` or `train`. Identity and camera are read from file names if
all follow a known naming convention (such as Market-1501 sorted into a folder per person), else by the given patterns;
else one level of sub-folders means one folder per person. Anything ambiguous is an error, because a wrong guess would
give a plausible but wrong score.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reseen.datasets.dataset import Dataset, Layout
from reseen.datasets.folder import image_paths, rows_by_pattern
from reseen.datasets.msmt17 import TRAIN_PEOPLE
from reseen.datasets.namings import Naming, folder_of, naming_of, part_folders
from reseen.datasets.path_pattern import IDENTITY_FIELDS, fields
from reseen.datasets.raw_rows import LabeledRows, Rows, number
from reseen.datasets.values import label
from reseen.errors import DataError

SPLITS = ("train", "query", "gallery")

_CAMERA_FOLDER = re.compile(r"(?:c|cam|camera|ch|channel|view)[-_ ]?\d{1,3}", re.IGNORECASE)


@dataclass(frozen=True)
class Patterns:
    """Path patterns of camera and identity, relative to the folder of a split; None if not given."""

    camera: str | None = None
    """Camera pattern; empty for unknown cameras."""
    identity: str | None = None
    """Identity pattern, such as `{identity}/{*}`."""


def matches(root: Path) -> bool:
    """Whether a folder with images directly below `root` is named like a split: train, query, gallery, val, test."""
    return root.is_dir() and bool(part_folders(root))


def training(root: Path, camera_pattern: str | None = None) -> Rows:
    """The crops of the training folder with their cameras; identities are not read.

    Raises:
        DataError: there is no training folder, or only some file names follow a naming convention.
        SettingsError: the pattern is invalid or matches no image.
    """
    return _part(root, _folder(root, "train"), camera_pattern)


def parts(root: Path, patterns: Patterns) -> dict[str, Rows]:
    """All present splits, without identities.

    Raises:
        DataError: as in `training`.
        SettingsError: as in `training`.
    """
    by_split = {}
    for split in SPLITS:
        folder = folder_of(part_folders(root), split)
        if folder is not None:
            by_split[split] = _part(root, folder, patterns.camera)
    return by_split or {"train": training(root, patterns.camera)}


def splits(root: Path, patterns: Patterns, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits in `names`, or all present ones if None, with identities that are shared by all splits.

    Raises:
        DataError: a folder is missing, or identity or camera of a crop are ambiguous.
        SettingsError: a pattern is invalid or matches no image.
    """
    if names is None:
        names = [name for name in SPLITS if folder_of(part_folders(root), name)]
    folders = {name: _folder(root, name) for name in names}
    paths = {name: image_paths(root / folder) for name, folder in folders.items()}
    everything = [f"{folders[name]}/{path}" for name in names for path in paths[name]]
    naming = None if patterns.camera is not None and patterns.identity else naming_of(everything, str(root))
    if patterns.camera is None and naming is None:
        _check_no_camera_folders(root, everything)
    identities = _identities(root, folders, paths, naming, patterns)
    return {
        name: LabeledRows(_rows(root, folders[name], paths[name], naming, patterns.camera), identities[name])
        for name in names
    }


def assign_identities(names: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    """Identities by split, numbered from 1 (0 may mean distractors) in natural order of the names; -1 stays junk."""
    labels = [text if (text := label(name)) != "-1" else None for split in names.values() for name in split]
    indices = iter(number(labels)[0].tolist())
    by_split = {name: [next(indices) for _ in split] for name, split in names.items()}
    return {name: [index + 1 if index >= 0 else -1 for index in split] for name, split in by_split.items()}


def people_folders(root: Path, paths: Sequence[str]) -> list[str]:
    """The person's folder of each crop, for one folder per person; paths start with the split's folder.

    Raises:
        DataError: a crop is in no person's folder or several levels deep, or a folder is named like a camera.
    """
    levels = [path.split("/")[1:-1] for path in paths]
    for path, folders in zip(paths, levels, strict=True):
        if len(folders) != 1 or _CAMERA_FOLDER.fullmatch(folders[0]):
            raise DataError(_ambiguity(root, path, folders))
    return [folders[0] for folders in levels]


def _identities(
    root: Path,
    folders: Mapping[str, str],
    paths: Mapping[str, Sequence[str]],
    naming: Naming | None,
    patterns: Patterns,
) -> dict[str, list[int]]:
    if patterns.identity:
        return assign_identities(
            {name: _by_pattern(root / folders[name], paths[name], patterns) for name in folders}
        )
    if naming is None:
        within = {name: [f"{folders[name]}/{path}" for path in paths[name]] for name in folders}
        return assign_identities({name: people_folders(root, split) for name, split in within.items()})
    by_split = {}
    for name in folders:
        numbers = [naming.person(match) for path in paths[name] if (match := naming.match(path))]
        # MSMT17 numbers people of training and test from 0.
        offset = TRAIN_PEOPLE if naming.first_person == 0 and name != "train" else 0
        by_split[name] = [number + offset if number > 0 else number for number in numbers]
        _check_folders_agree(root / folders[name], paths[name], naming)
    return by_split


def _by_pattern(folder: Path, paths: Sequence[str], patterns: Patterns) -> list[str]:
    matches = fields(paths, patterns.identity or "", IDENTITY_FIELDS, "identity pattern")
    unmatched = [path for path, match in zip(paths, matches, strict=True) if not match]
    if unmatched:
        raise DataError(
            f"{folder}: identity pattern '{patterns.identity}' matches {len(paths) - len(unmatched):,} of "
            f"{len(paths):,} images, the first that it does not match is {unmatched[0]}; every crop that is scored "
            "needs an identity"
        )
    return [match["identity"] for match in matches]


def _check_folders_agree(folder: Path, paths: Sequence[str], naming: Naming) -> None:
    """Refuse files whose person number differs from that of their folder."""
    for path in paths:
        parents, match = path.split("/")[:-1], naming.match(path)
        if match is None or len(parents) != 1 or not parents[0].isdecimal():
            continue
        if match["person"].isdecimal() and int(parents[0]) != int(match["person"]):
            raise DataError(
                f"{folder}: {path} is in the folder {parents[0]}, but its name, read as in {naming.title}, means "
                f"person {match['person']}; to use the folder, set --identity-pattern '{{identity}}/{{*}}'"
            )


def _check_no_camera_folders(root: Path, paths: Sequence[str]) -> None:
    for path in paths:
        parents = path.split("/")[1:-1]
        if len(parents) > 1 or any(_CAMERA_FOLDER.fullmatch(name) for name in parents):
            raise DataError(_ambiguity(root, path, parents))


def _ambiguity(root: Path, path: str, parents: Sequence[str]) -> str:
    """The message for a crop of ambiguous identity or camera, with patterns that would resolve it."""
    cameras = [index for index, name in enumerate(parents) if _CAMERA_FOLDER.fullmatch(name)]
    if not parents:
        problem, identity, camera = "is not in a person's folder", "{identity}_{*}", ""
    elif len(parents) == 1:
        problem, identity, camera = (
            "is in a folder that is named like a camera",
            "{*}/{identity}_{*}",
            "{camera}/{*}",
        )
    else:
        problem = f"is {len(parents)} folders deep, and each may be the person or the camera"
        identity, camera = "{*}/{identity}/{*}", "{camera}/{*}"
        if cameras and cameras[0] > 0:
            identity, camera = "{identity}/{*}", "{*}/{camera}/{*}"
    return (
        f"{root}: identity or camera is not clear: {path} {problem}, and its name follows no known convention. Give "
        f"their places in paths below the folders of the splits, for example --identity-pattern '{identity}' "
        f"--camera-pattern '{camera}' (an empty camera pattern for unknown cameras), or write a manifest"
    )


def _folder(root: Path, part: str) -> str:
    available = part_folders(root)
    folder = folder_of(available, part)
    if folder is None:
        if part == "train":
            raise DataError(
                f"{root}: contains {', '.join(sorted(available)) or 'no folder of crops'} but no train folder, and "
                "splits are not mixed for training; give the folder to train on, such as "
                f"{root / min(available, default='train')}, or set data.layout to 'folder' to mix all images"
            )
        raise DataError(
            f"{root}: no folder {part}; for evaluation, query and gallery contain one folder per person, or files "
            "whose names contain the person"
        )
    return folder


def _part(root: Path, folder: str, camera_pattern: str | None) -> Rows:
    paths = image_paths(root / folder)
    naming = naming_of(paths, str(root / folder)) if camera_pattern is None else None
    return _rows(root, folder, paths, naming, camera_pattern)


def _rows(
    root: Path, folder: str, paths: tuple[str, ...], naming: Naming | None, camera_pattern: str | None
) -> Rows:
    full_paths = [f"{folder}/{path}" for path in paths]
    if camera_pattern:
        rows = rows_by_pattern(root / folder, paths, camera_pattern)
        return Rows(root, full_paths, rows.cameras, rows.tracklets, rows.times)
    matches = [naming.match(path) for path in paths] if naming else []
    if naming is None or camera_pattern is not None:
        return Rows(root, full_paths)
    cameras = [naming.camera(match) for match in matches if match]
    tracklets = [match["tracklet"] for match in matches if match and "tracklet" in match.groupdict()]
    return Rows(root, full_paths, cameras, tracklets or None)


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
    expected_files="train (or train_all), query and gallery, with one folder per person or with file names that "
    "contain the person",
)
