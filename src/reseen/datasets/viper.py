"""VIPeR: folders `cam_a` and `cam_b`, optionally below `VIPeR`, with files `PPP_AAA.bmp` (person, angle).

There are 632 people with one crop per camera. There are no official splits: ten random halves of 316 people are drawn.
Queries are from camera a, the gallery is from camera b.
Reference: Gray et al. 2007, "Evaluating Appearance Models for Recognition, Reacquisition, and Tracking".
"""

import re
from collections.abc import Sequence
from pathlib import Path

from reseen.datasets.benchmark_splits import SPLITS, draw_halves, own_folder
from reseen.datasets.dataset import Dataset, Layout, Variant
from reseen.datasets.folder import first_image, image_paths
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import DataError

_NAME = re.compile(r"(?P<person>\d{3})_\d{1,3}\.\w+")
_CAMERAS = ("cam_a", "cam_b")


def matches(root: Path) -> bool:
    """Whether the folders of both cameras contain a file with a matching name."""
    return all(
        (first := first_image(own_folder(root, "VIPeR") / camera)) is not None and _NAME.fullmatch(first)
        for camera in _CAMERAS
    )


def training(root: Path, variant: str) -> Rows:
    """The crops of the training people.

    Raises:
        DataError: a folder is missing or empty, a file name does not match, or a person is missing in one camera.
    """
    return splits(root, variant, ("train",))["train"].rows


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits of one random draw, with identities.

    Raises:
        DataError: as in `training`.
    """
    base = own_folder(root, "VIPeR")
    crops = {camera: _crops(base / camera) for camera in _CAMERAS}
    in_one_camera = sorted(crops["cam_a"].keys() ^ crops["cam_b"].keys())
    if in_one_camera:
        raise DataError(
            f"{base}: {len(in_one_camera):,} people are in only one of the cameras, the first is {in_one_camera[0]}"
        )
    train, test = draw_halves(list(crops["cam_a"]), int(variant))
    selection = {"train": (train, _CAMERAS), "query": (test, ("cam_a",)), "gallery": (test, ("cam_b",))}
    by_split = {}
    for name in names or selection:
        people, cameras = selection[name]
        selected = [(camera, person) for camera in cameras for person in people]
        rows = Rows(
            base,
            [f"{camera}/{crops[camera][person]}" for camera, person in selected],
            [camera for camera, _ in selected],
        )
        by_split[name] = LabeledRows(rows, [int(person) + 1 for _, person in selected])
    return by_split


def _crops(folder: Path) -> dict[str, str]:
    """The file name of each person."""
    file_of = {}
    for path in image_paths(folder):
        match = _NAME.fullmatch(path)
        if match is None or match["person"] in file_of:
            raise DataError(f"{folder}: {path} is not named like PPP_AAA.bmp, one crop of each person")
        file_of[match["person"]] = path
    return file_of


DATASET = Dataset(
    layout=Layout.VIPER,
    title="VIPeR",
    matches=matches,
    training=training,
    splits=splits,
    variants=tuple(
        Variant(
            str(split),
            f"half {split} of {SPLITS}, drawn by reseen",
            published={
                "train": {"images": 632, "people": 316},
                "query": {"images": 316, "people": 316},
                "gallery": {"images": 316, "people": 316},
            },
        )
        for split in range(1, SPLITS + 1)
    ),
    cameras_from="the folders",
    source="Gray et al. 2007, Evaluating Appearance Models for Recognition, Reacquisition, and Tracking",
    page="https://vision.soe.ucsc.edu/node/178",
    terms="no license is stated; offered for research",
    access="page",
    size="1,264 crops of 632 people, 2 cameras",
    note="Report the mean over ten halves; other codes draw other halves.",
    expected_files="VIPeR/cam_a, VIPeR/cam_b",
)
