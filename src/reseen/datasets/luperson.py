"""LUPerson: four million unlabeled crops from street videos; files `COUNTRY/CITY/FFFFFFFF_OOOO.jpg`.

File names contain frame and detection, but neither video, camera nor person. The LMDB version of the authors must be
unpacked first. Reference: Fu et al. 2021, "Unsupervised Pre-training for Person Re-identification".
"""

import re
from pathlib import Path

from reseen.datasets.dataset import Dataset, Layout, Variant
from reseen.datasets.folder import first_image, image_paths
from reseen.datasets.raw_rows import Rows

PATH = re.compile(r"[^/]+/[^/]+/\d{8}_\d{4}\.jpg")
"""Matches a path: country, city, frame and detection."""


def matches(root: Path) -> bool:
    """Whether the first image has a matching path."""
    first = first_image(root)
    return first is not None and PATH.fullmatch(first) is not None


def training(root: Path, _variant: str) -> Rows:
    """All crops.

    Raises:
        DataError: there is no image.
    """
    return Rows(root, image_paths(root))


DATASET = Dataset(
    layout=Layout.LUPERSON,
    title="LUPerson",
    matches=matches,
    training=training,
    splits=None,
    variants=(Variant("standard", published={"train": {"images": 4_180_243}}),),
    cameras_from="nothing: its names tell none",
    source="Fu et al. 2021, Unsupervised Pre-training for Person Re-identification",
    page="https://github.com/DengpanFu/LUPerson",
    terms="research only, commercial use is forbidden; lists of videos, which you download and cut",
    access="request",
    size="4,180,243 crops of over 200,000 people, unlabelled",
    note="Unlabeled: for training, not for evaluation.",
    expected_files="COUNTRY/CITY/FFFFFFFF_OOOO.jpg",
)
