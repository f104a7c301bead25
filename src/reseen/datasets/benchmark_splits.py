"""Helpers shared by several benchmark readers.

`NamedFolders` reads benchmarks with one folder per split and file names with person and camera. `draw_halves` draws the
ten random halves of small benchmarks; `halves` and `frames` read video benchmarks of two cameras, with a folder of
frames per person and camera. `read_list` and `read_matrix` read split files: text lists of `path number` (MSMT17,
VehicleID) and MATLAB matrices (MARS, iLIDS-VID).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from reseen.datasets.folder import first_image, image_paths, subfolders
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import DataError

SPLITS = 10
"""Number of random splits; a reported score is the mean over them."""


def draw_halves(people: Sequence[str], split: int) -> tuple[list[str], list[str]]:
    """Split people into a training half (the smaller one if their number is odd) and a test half.

    The split number is the seed; order and duplicates in `people` do not matter. Other code bases draw other halves.
    """
    names = sorted(set(people))
    order = np.random.default_rng(split).permutation(len(names))
    middle = len(names) // 2
    return sorted(names[row] for row in order[:middle]), sorted(names[row] for row in order[middle:])


def own_folder(root: Path, name: str) -> Path:
    """The folder `name` in `root` if it exists, else `root` itself."""
    return root / name if (root / name).is_dir() else root


@dataclass(frozen=True)
class NamedFolders:
    """A layout with one folder per split and file names that contain person and camera."""

    title: str
    """Name of the benchmark."""
    folders: Mapping[str, str]
    """Folder of each split, relative to the root."""
    name: re.Pattern[str]
    """Matches the beginning of a file name, with the groups `person` and `camera`."""
    like: str
    """The format of file names, for messages, such as `PPPP_cC_N.png`."""

    def has(self, root: Path, split: str) -> bool:
        """Whether the folder of a split exists."""
        return (root / self.folders[split]).is_dir()

    def matches(self, root: Path) -> bool:
        """Whether train, or query and gallery, exist and an image in them has a matching name."""
        if not (self.has(root, "train") or (self.has(root, "query") and self.has(root, "gallery"))):
            return False
        first = first_image(root / self.folders["train" if self.has(root, "train") else "query"])
        return first is not None and self.name.match(first.rpartition("/")[2]) is not None

    def training(self, root: Path, _variant: str = "") -> Rows:
        """The training crops with their cameras; identities are not read.

        Raises:
            DataError: the folder is missing or empty, or a file name does not match.
        """
        return self.rows(root, "train")

    def splits(
        self, root: Path, _variant: str = "", names: Sequence[str] | None = None
    ) -> dict[str, LabeledRows]:
        """The splits in `names`, or all present ones if None, with identities, including junk.

        Raises:
            DataError: as in `training`.
        """
        names = [name for name in self.folders if self.has(root, name)] if names is None else names
        rows = {name: self.rows(root, name) for name in names}
        return {name: LabeledRows(split, self._people(split.paths)) for name, split in rows.items()}

    def rows(self, root: Path, split: str) -> Rows:
        """The crops of one split, without identities.

        Raises:
            DataError: as in `training`.
        """
        folder = root / self.folders[split]
        if not folder.is_dir():
            raise DataError(
                f"{root}: no folder {self.folders[split]}, which contains the {split} crops of the {self.title} layout"
            )
        paths = image_paths(folder)
        matches = [self.name.match(path.rpartition("/")[2]) for path in paths]
        unmatched = [path for path, match in zip(paths, matches, strict=True) if match is None]
        if unmatched:
            raise DataError(
                f"{folder}: {len(unmatched):,} of {len(paths):,} file names are not of the form {self.like}, "
                f"the first is {unmatched[0]}; move them away or set data.layout to 'folder'"
            )
        cameras = [f"c{int(match['camera'])}" for match in matches if match]
        return Rows(root, [f"{self.folders[split]}/{path}" for path in paths], cameras)

    def _people(self, paths: Sequence[str]) -> list[int]:
        return [int(match["person"]) for path in paths if (match := self.name.match(path.rpartition("/")[2]))]


Cameras = tuple[str, str]
"""Folders of the query camera and the gallery camera, relative to the root."""


def people_of(root: Path, camera: str) -> list[str]:
    """Sorted names of the people seen by a camera.

    Raises:
        DataError: the camera's folder is missing or empty.
    """
    folder = root / camera
    names = [below.name for below in subfolders(folder)]
    if not names:
        raise DataError(f"{root}: no folder {camera} with a folder of frames per person")
    return names


def halves(
    root: Path,
    cameras: Cameras,
    people: tuple[Sequence[str], Sequence[str]],
    names: Sequence[str] | None,
    numbers: dict[str, int],
) -> dict[str, LabeledRows]:
    """Splits for training and test `people`; queries are from the first camera, the gallery from the second.

    A tracklet is one person's folder of one camera. `numbers` maps each person to the identity.

    Raises:
        DataError: a folder of frames is missing or empty.
    """
    train, test = people
    selection = {"train": (train, cameras), "query": (test, cameras[:1]), "gallery": (test, cameras[1:])}
    by_split = {}
    for name in names or selection:
        persons, views = selection[name]
        by_split[name] = frames(root, [(camera, person) for camera in views for person in persons], numbers)
    return by_split


def frames(root: Path, folders: Sequence[tuple[str, str]], numbers: dict[str, int]) -> LabeledRows:
    """All frames of the given (camera, person) folders.

    Raises:
        DataError: a folder is missing or empty.
    """
    paths, cameras, tracklets, identities = [], [], [], []
    for camera, person in folders:
        for path in image_paths(root / camera / person):
            paths.append(f"{camera}/{person}/{path}")
            cameras.append(camera.rpartition("/")[2])
            tracklets.append(person)
            identities.append(numbers[person])
    return LabeledRows(Rows(root, paths, cameras, tracklets), identities)


def read_list(file: Path) -> list[tuple[str, int]]:
    """Read the first two fields of each line, a path and a number; blank lines are skipped.

    Raises:
        DataError: the file is missing, is not text, is empty, lists a crop twice, or a line has no number.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(
            f"{file}: no such list; it comes with the data set and defines the crops of the split"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read as a list of crops ({error})") from None
    numbers: dict[str, int] = {}
    for line_number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < 2 or not fields[1].removeprefix("-").isdecimal():
            raise DataError(f"{file}: line {line_number}: expected `path number`, found '{line[:60]}'")
        if fields[0] in numbers:
            raise DataError(f"{file}: line {line_number}: {fields[0]} is listed twice")
        numbers[fields[0]] = int(fields[1])
    if not numbers:
        raise DataError(f"{file}: lists no crop")
    return list(numbers.items())


def read_matrix(file: Path, name: str) -> Int64[np.ndarray, "n m"]:
    """Read a named integer matrix of a MATLAB file.

    Raises:
        DataError: the file is missing, is not a MATLAB file of version 7 or older, or has no such integer matrix.
    """
    from scipy.io import loadmat

    if not file.is_file():
        raise DataError(
            f"{file}: no such file; it comes with the data set and defines its splits or tracklets"
        )
    try:
        variables = loadmat(file, variable_names=[name])
    except Exception as error:  # a foreign file makes the parser raise nearly anything
        raise DataError(f"{file}: cannot be read as a MATLAB file ({error})") from None
    matrix = variables.get(name)
    if matrix is None or not isinstance(matrix, np.ndarray) or matrix.ndim != 2:
        raise DataError(f"{file}: expected a matrix '{name}', found none")
    if matrix.dtype.kind not in "iuf" or not (np.asarray(matrix, dtype=np.float64) % 1 == 0).all():
        raise DataError(f"{file}: the matrix '{name}' contains values that are not integers")
    return matrix.astype(np.int64)
