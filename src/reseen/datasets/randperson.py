"""RandPerson: drawn people to learn from; files `PPPPPP_sSS_cCC_fFFFFFF.jpg`, older ones with camera before scene.

Cameras are numbered within a scene. It has neither query nor gallery.
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
"""A file name: person, scene and camera in either order, frame."""


def matches(root: Path) -> bool:
    """True when the first image is named so."""
    first = first_image(own_folder(root, "randperson_subset"))
    return first is not None and NAME.fullmatch(first.rpartition("/")[2]) is not None


def training(root: Path, _variant: str) -> Rows:
    """All crops, each with its scene and camera; people are not read.

    Raises:
        DataError: there is no image, or a name is not as it should be.
    """
    return _read(root).rows


def splits(root: Path, _variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The training split with the people on it.

    Raises:
        DataError: as in `training`, or another split is asked for.
    """
    if names is not None and set(names) != {"train"}:
        raise DataError(
            f"{root}: RandPerson is made to learn from and has no query and gallery; score on another set"
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
    note="Drawn people: nobody's privacy is touched. To learn from; it has no query and gallery.",
    expected_files="randperson_subset, or its images",
)
