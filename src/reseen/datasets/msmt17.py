"""MSMT17, V1 and V2 (masked faces): one folder per person, and lists of `path person` that define the splits.

The camera is the third field of a file name, `PPPP_NNN_CC_...`. Persons are numbered from 0 in both training and test,
although they differ; here the test identities continue after those of training.
Reference: Wei et al. 2018, "Person Transfer GAN".
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reseen.datasets.benchmark_splits import read_list
from reseen.datasets.dataset import Dataset, Layout, Variant
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import DataError


class _Version(NamedTuple):
    name: str
    train: str
    test: str


VERSIONS = (_Version("V1", "train", "test"), _Version("V2", "mask_train_v2", "mask_test_v2"))
"""The two releases and their folders."""

TRAIN_PEOPLE = 1_041
"""Number of people in training and validation, which is added to test identities."""

_LISTS = {
    "train": ("list_train.txt",),
    "train+val": ("list_train.txt", "list_val.txt"),
    "query": ("list_query.txt",),
    "gallery": ("list_gallery.txt",),
}


def version(root: Path) -> str | None:
    """The release in a folder, `V1` or `V2`; None for neither."""
    release = next((version for version in VERSIONS if _has(root, version)), None)
    return None if release is None else release.name


def matches(root: Path) -> bool:
    """Whether a list and the folders of either release exist."""
    lists = any((root / name).is_file() for names in _LISTS.values() for name in names)
    return lists and version(root) is not None


def training(root: Path, variant: str) -> Rows:
    """The crops of `list_train.txt` and, for the variant `train+val`, `list_val.txt`; identities are not read.

    Raises:
        DataError: a list is missing or invalid, or a listed file is missing.
    """
    return _rows(root, "train", [path for path, _ in _listed(root, variant)])


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits in `names`, or all present ones if None, with identities.

    Raises:
        DataError: as in `training`.
    """
    if names is None:
        names = [name for name in ("train", "query", "gallery") if (root / _LISTS[name][0]).is_file()]
    by_split = {}
    for name in names:
        listed = _listed(root, variant if name == "train" else name)
        offset = 1 if name == "train" else 1 + TRAIN_PEOPLE
        rows = _rows(root, name, [path for path, _ in listed])
        by_split[name] = LabeledRows(rows, [person + offset for _, person in listed])
    return by_split


def _listed(root: Path, which: str) -> list[tuple[str, int]]:
    """Path and person number of each line of the lists."""
    return [line for name in _LISTS[which] for line in read_list(root / name)]


def _rows(root: Path, split: str, paths: Sequence[str]) -> Rows:
    release = next((version for version in VERSIONS if _has(root, version)), None)
    if release is None:
        raise DataError(
            f"{root}: neither the folders train and test (V1) nor mask_train_v2 and mask_test_v2 (V2) of MSMT17"
        )
    folder = release.train if split == "train" else release.test
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
    note="Report the release with a score: V2 has masked faces and scores a few points lower with the same weights.",
    release=version,
    expected_files="V1: train, test; V2: mask_train_v2, mask_test_v2; beside them list_train.txt, list_val.txt, "
    "list_query.txt, list_gallery.txt",
)
