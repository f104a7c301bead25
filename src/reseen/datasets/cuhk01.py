"""CUHK01: one folder `campus` of files `PPPPIII.png`; images 1 and 2 are from camera A, 3 and 4 from camera B.

There are no official splits: ten random splits of 485 training and 486 test people are drawn. Queries are from camera
A, the gallery is from camera B.
Reference: Li et al. 2012, "Human Reidentification with Transferred Metric Learning".
"""

import re
from collections.abc import Sequence
from pathlib import Path

from reseen.datasets.benchmark_splits import SPLITS, draw_halves
from reseen.datasets.dataset import Dataset, Layout, Variant
from reseen.datasets.folder import first_image, image_paths
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import DataError

_NAME = re.compile(r"(?P<person>\d{4})(?P<image>00[1-4])\.\w+")


def matches(root: Path) -> bool:
    """Whether `campus` contains a file with a matching name."""
    first = first_image(root / "campus")
    return first is not None and _NAME.fullmatch(first) is not None


def training(root: Path, variant: str) -> Rows:
    """The crops of the training people.

    Raises:
        DataError: the folder is missing or empty, or a file name does not match.
    """
    return splits(root, variant, ("train",))["train"].rows


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits of one random draw, with identities.

    Raises:
        DataError: as in `training`.
    """
    crops = {path: _parse(root, path) for path in image_paths(root / "campus")}
    train, test = draw_halves([person for person, _ in crops.values()], int(variant))
    selection = {"train": (train, "AB"), "query": (test, "A"), "gallery": (test, "B")}
    by_split = {}
    for name in names or selection:
        people, cameras = selection[name]
        paths = [
            path for path, (person, camera) in crops.items() if person in set(people) and camera in cameras
        ]
        rows = Rows(root, [f"campus/{path}" for path in paths], [crops[path][1] for path in paths])
        by_split[name] = LabeledRows(rows, [int(crops[path][0]) for path in paths])
    return by_split


def _parse(root: Path, path: str) -> tuple[str, str]:
    """Person and camera."""
    match = _NAME.fullmatch(path)
    if match is None:
        raise DataError(
            f"{root / 'campus'}: {path} is not named like PPPPIII.png, image 001 to 004 of a person"
        )
    return match["person"], "A" if match["image"] in ("001", "002") else "B"


DATASET = Dataset(
    layout=Layout.CUHK01,
    title="CUHK01",
    matches=matches,
    training=training,
    splits=splits,
    variants=tuple(
        Variant(
            str(split),
            f"half {split} of {SPLITS}, drawn by reseen",
            published={
                "train": {"images": 1_940, "people": 485},
                "query": {"images": 972, "people": 486},
                "gallery": {"images": 972, "people": 486},
            },
        )
        for split in range(1, SPLITS + 1)
    ),
    source="Li et al. 2012, Human Reidentification with Transferred Metric Learning",
    page="http://www.ee.cuhk.edu.hk/~xgwang/CUHK_identification.html",
    terms="research only, on request",
    access="request",
    size="3,884 crops of 971 people, 2 cameras",
    note="Report the mean over ten halves; published scores are of other draws, some with 871 and 100 people.",
    expected_files="campus",
)
