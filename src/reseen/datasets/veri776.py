"""VeRi-776, vehicle re-ID: `image_train`, `image_query` and `image_test` with files `VVVV_cCCC_TTTTTTTT_N.jpg`.

Reference: Liu et al. 2016, "A Deep Learning-Based Approach to Progressive Vehicle Re-identification".
"""

import re

from reseen.datasets.benchmark_splits import NamedFolders
from reseen.datasets.dataset import Dataset, Layout, Variant

FOLDERS = {"train": "image_train", "query": "image_query", "gallery": "image_test"}
"""Folder of each split."""

veri = NamedFolders(
    "VeRi-776",
    FOLDERS,
    re.compile(r"(?P<person>-?\d+)_c(?P<camera>\d{3})(?!\d)"),
    "VVVV_cCCC_TTTTTTTT_N.jpg",
)

DATASET = Dataset(
    layout=Layout.VERI776,
    title="VeRi-776",
    matches=veri.matches,
    training=veri.training,
    splits=veri.splits,
    variants=(
        Variant(
            "standard",
            published={
                "train": {"images": 37_778, "people": 576, "cameras": 20},
                "query": {"images": 1_678, "people": 200},
                "gallery": {"images": 11_579, "people": 200},
            },
        ),
    ),
    source="Liu et al. 2016, A Deep Learning-Based Approach to Progressive Vehicle Re-identification",
    page="https://vehiclereid.github.io/VeRi/",
    terms="non-commercial, on request by e-mail",
    access="request",
    size="51,035 crops of 776 vehicles, 20 cameras",
    note="Evaluated image to image; the image-to-track protocol is not supported.",
    expected_files="image_train, image_query, image_test",
)
