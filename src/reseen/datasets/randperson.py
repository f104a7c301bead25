"""RandPerson: synthetic people, for training only; files `PPPPPP_sSS_cCC_fFFFFFF.jpg`, or with camera before scene.

Cameras are numbered within a scene. There is no query and gallery.
Reference: Wang et al. 2020, "Surpassing Real-World Source Training Data: Random 3D Characters".
"""

import re
from collections.abc import Sequence
from pathlib import Path

from reseen.datasets.benchmark_splits import own_folder
from reseen.datasets.dataset import Dataset, Layout, Variant
from reseen.datasets.folder import first_image, image_paths
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import DataError

NAME = re.compile(r"(?P<person>\d+)_(?:s(?P<s>\d+)_c(?P<c>\d+)|c(?P<c2>\d+)_s(?P<s2>\d+))_f\d+\.\w+")
"""Matches a file name: person, scene and camera in either order, frame."""


def matches(root: Path) -> bool:
    """Whether the first image has a matching name."""
    first = first_image(own_folder(root, "randperson_subset"))
    return first is not None and NAME.fullmatch(first.rpartition("/")[2]) is not None


def training(root: Path, _variant: str) -> Rows:
    """All crops, with scene and camera as the camera name; identities are not read.

    Raises:
        DataError: there is no image, or a file name does not match.
    """
    return _read(root).rows


def splits(root: Path, _variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The training split with identities.

    Raises:
        DataError: as in `training`, or `names` contains another split.
    """
    if names is not None and set(names) != {"train"}:
        raise DataError(
            f"{root}: RandPerson is for training and has no query and gallery; evaluate on another data set"
        )
    return {"train": _read(root)}


def _read(root: Path) -> LabeledRows:
    base = own_folder(root, "randperson_subset")
    paths = image_paths(base)
    matches = [NAME.fullmatch(path.rpartition("/")[2]) for path in paths]
    cameras, people = [], []
    for path, match in zip(paths, matches, strict=True):
        if match is None:
            raise DataError(f"{base}: {path} is not named like PPPPPP_sSS_cCC_fFFFFFF.jpg")
        cameras.append(f"s{match['s'] or match['s2']}c{match['c'] or match['c2']}")
        people.append(int(match["person"]) + 1)
    return LabeledRows(Rows(base, paths, cameras), people)


DATASET = Dataset(
    layout=Layout.RANDPERSON,
    title="RandPerson",
    matches=matches,
    training=training,
    splits=splits,
    variants=(Variant("standard", published={"train": {"images": 132_145, "people": 8_000, "cameras": 19}}),),
    source="Wang et al. 2020, Surpassing Real-World Source Training Data: Random 3D Characters",
    page="https://github.com/VideoObjectSearch/RandPerson",
    terms="no license is stated; offered for research",
    access="page",
    size="132,145 drawn crops of 8,000 people, 19 cameras (the subset); 1,801,816 crops in all",
    note="Synthetic people, so no privacy concerns. For training only: there is no query and gallery.",
    expected_files="randperson_subset, or its images",
)
