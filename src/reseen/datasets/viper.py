"""VIPeR: folders `cam_a` and `cam_b`, below `VIPeR` or not, files `PPP_AAA.bmp` (person, angle).

632 people, one crop from each side. No official cut: ten halves of 316 people are drawn, camera a asks for camera b.
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
    """True when both cameras hold a file that is named so."""
    return all(
        (first := first_image(own_folder(root, "VIPeR") / camera)) is not None and _NAME.fullmatch(first)
        for camera in _CAMERAS
    )


def training(root: Path, variant: str) -> Rows:
    """The crops of half of the people.

    Raises:
        DataError: a folder is missing or empty, a name is not as it should be, or somebody lacks one side.
    """
    return splits(root, variant, ("train",))["train"].rows


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """Splits of a draw with the people on them.

    Raises:
        DataError: as in `training`.
    """
    base = own_folder(root, "VIPeR")
    crops = {camera: _crops(base / camera) for camera in _CAMERAS}
    alone = sorted(crops["cam_a"].keys() ^ crops["cam_b"].keys())
    if alone:
        raise DataError(
            f"{base}: {len(alone):,} people are seen from one side alone, the first is {alone[0]}"
        )
    train, test = draw_halves(list(crops["cam_a"]), int(variant))
    wanted = {"train": (train, _CAMERAS), "query": (test, ("cam_a",)), "gallery": (test, ("cam_b",))}
    found = {}
    for name in names or wanted:
        people, cameras = wanted[name]
        chosen = [(camera, person) for camera in cameras for person in people]
        rows = Rows(
            base,
            [f"{camera}/{crops[camera][person]}" for camera, person in chosen],
            [camera for camera, _ in chosen],
        )
        found[name] = LabeledRows(rows, [int(person) + 1 for _, person in chosen])
    return found


def _crops(folder: Path) -> dict[str, str]:
    """Person to file name."""
    found = {}
    for path in image_paths(folder):
        match = _NAME.fullmatch(path)
        if match is None or match["person"] in found:
            raise DataError(f"{folder}: {path} is not named like PPP_AAA.bmp, one crop of each person")
        found[match["person"]] = path
    return found


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
