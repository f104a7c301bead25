"""MSMT17, V1 and V2 (faces masked): folders of people, and lists of `path person` that make the splits.

Camera is the third field of a file name, `PPPP_NNN_CC_...`. The numbers of people start from 0 in training and in
test, for different people; here test people follow on. Reference: Wei et al. 2018, "Person Transfer GAN".
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reseen.datasets.dataset import Dataset, Layout, Variant
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.datasets.split_files import read_list
from reseen.errors import DataError


class _Version(NamedTuple):
    name: str
    train: str
    test: str


VERSIONS = (_Version("V1", "train", "test"), _Version("V2", "mask_train_v2", "mask_test_v2"))
"""The two releases differ in their folders."""

TRAIN_PEOPLE = 1_041
"""People in training and validation; test people are numbered after them."""

_LISTS = {
    "train": ("list_train.txt",),
    "train+val": ("list_train.txt", "list_val.txt"),
    "query": ("list_query.txt",),
    "gallery": ("list_gallery.txt",),
}


def version(root: Path) -> str | None:
    """`V1` or `V2`, or None when it is neither."""
    found = next((version for version in VERSIONS if _has(root, version)), None)
    return None if found is None else found.name


def matches(root: Path) -> bool:
    """True when there are lists beside the folders of either release."""
    lists = any((root / name).is_file() for names in _LISTS.values() for name in names)
    return lists and version(root) is not None


def training(root: Path, variant: str) -> Rows:
    """The crops of `list_train.txt`, and of `list_val.txt` for the variant `train+val`; people are not read.

    Raises:
        DataError: a list is missing or wrong, or a file that it names.
    """
    return _rows(root, "train", [path for path, _ in _listed(root, variant)])


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """Splits with the people on them.

    Raises:
        DataError: as in `training`.
    """
    if names is None:
        names = [name for name in ("train", "query", "gallery") if (root / _LISTS[name][0]).is_file()]
    found = {}
    for name in names:
        listed = _listed(root, variant if name == "train" else name)
        after = 1 if name == "train" else 1 + TRAIN_PEOPLE
        rows = _rows(root, name, [path for path, _ in listed])
        found[name] = LabeledRows(rows, [person + after for _, person in listed])
    return found


def _listed(root: Path, which: str) -> list[tuple[str, int]]:
    """Path and number of each line."""
    return [line for name in _LISTS[which] for line in read_list(root / name)]


def _rows(root: Path, split: str, paths: Sequence[str]) -> Rows:
    found = next((version for version in VERSIONS if _has(root, version)), None)
    if found is None:
        raise DataError(
            f"{root}: neither the folders train and test (V1) nor mask_train_v2 and mask_test_v2 (V2) of MSMT17"
        )
    folder = found.train if split == "train" else found.test
    missing = [path for path in paths if not (root / folder / path).is_file()]
    if missing:
        raise DataError(
            f"{root / folder}: {len(missing):,} of {len(paths):,} listed crops do not exist, the first is {missing[0]}"
        )
    return Rows(root, [f"{folder}/{path}" for path in paths], [_camera(root, path) for path in paths])


def _camera(root: Path, path: str) -> str:
    fields = path.rpartition("/")[2].split("_")
    if len(fields) < 4 or not fields[2].isdecimal():
        raise DataError(f"{root}: {path} is not named like PPPP_NNN_CC_MMDDtime_....jpg")
    return f"c{int(fields[2])}"


def _has(root: Path, version: _Version) -> bool:
    return (root / version.train).is_dir() or (root / version.test).is_dir()


_TEST = {
    "query": {"images": 11_659, "people": 3_060, "cameras": 15},
    "gallery": {"images": 82_161, "people": 3_060, "cameras": 15},
}

DATASET = Dataset(
    layout=Layout.MSMT17,
    title="MSMT17",
    matches=matches,
    training=training,
    splits=splits,
    variants=(
        Variant(
            "train+val",
            "train and val together, as unsupervised methods use it",
            published={"train": {"images": 32_621, "people": 1_041, "cameras": 15}} | _TEST,
        ),
        Variant(
            "train", "train without val", published={"train": {"images": 30_248, "people": 1_041}} | _TEST
        ),
    ),
    source="Wei et al. 2018, Person Transfer GAN to Bridge Domain Gap for Person Re-Identification",
    page="http://www.pkuvmc.com/publications/msmt17.html",
    terms="research only, on request with a signed agreement",
    access="request",
    size="126,441 crops of 4,101 people, 15 cameras",
    note="V2 masks faces and scores some points lower with the same weights: say which one a score is of.",
    release=version,
    expected_files="V1: train, test; V2: mask_train_v2, mask_test_v2; beside them list_train.txt, list_val.txt, "
    "list_query.txt, list_gallery.txt",
)
