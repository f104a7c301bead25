"""Market-1501: three folders of files `PPPP_cCsS_FFFFFF_NN.jpg`, and optionally 500,000 distractors in a fourth.

Identity -1 is junk, 0 a distractor. Reference: Zheng et al. 2015, "Scalable Person Re-identification: A Benchmark".
"""

import re
from collections.abc import Sequence
from pathlib import Path

from reseen.datasets.benchmark_splits import NamedFolders
from reseen.datasets.dataset import Dataset, Layout, Variant
from reseen.datasets.folder import image_paths
from reseen.datasets.raw_rows import DISTRACTOR, LabeledRows, Rows
from reseen.errors import DataError

NAME = re.compile(r"(?P<person>-?\d+)_c(?P<camera>\d+)(?!\d)")
"""Matches the beginning of a file name: person, then camera."""

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
"""Folder of each split; several later benchmarks use the same names."""

DISTRACTORS = "images"
"""The folder of the 500,000 distractors."""

market = NamedFolders("Market-1501", FOLDERS, NAME, "PPPP_cCsS_FFFFFF_NN.jpg")


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits with identities; the variant `distractors` adds the 500,000 distractors to the gallery.

    Raises:
        DataError: a folder is missing or empty, or a file name does not match.
    """
    by_split = market.splits(root, variant, names)
    if variant == "distractors" and "gallery" in by_split:
        gallery, distractors = by_split["gallery"], _distractors(root)
        rows = Rows(
            root,
            [*gallery.rows.paths, *distractors.paths],
            [*(gallery.rows.cameras or ()), *(distractors.cameras or ())],
        )
        identities = [*gallery.identities, *[DISTRACTOR] * len(distractors.paths)]
        by_split["gallery"] = LabeledRows(rows, identities)
    return by_split


def _distractors(root: Path) -> Rows:
    """The distractor crops; person numbers in their names are ignored, cameras are read where present."""
    if not (root / DISTRACTORS).is_dir():
        raise DataError(
            f"{root}: no folder {DISTRACTORS}, which contains the 500,000 distractors; leave data.variant out to "
            "evaluate without them"
        )
    paths = image_paths(root / DISTRACTORS)
    matches = [NAME.match(path.rpartition("/")[2]) for path in paths]
    cameras = [f"c{int(match['camera'])}" if match else None for match in matches]
    return Rows(root, [f"{DISTRACTORS}/{path}" for path in paths], cameras)


_TEST = {"images": 19_732, "people": 750, "junk": 3_819, "distractors": 2_798, "cameras": 6}
_PUBLISHED = {
    "train": {"images": 12_936, "people": 751, "cameras": 6},
    "query": {"images": 3_368, "people": 750, "cameras": 6},
    "gallery": _TEST,
}
_MORE = {"images": 519_732, "people": 750, "junk": 3_819, "distractors": 502_798}

DATASET = Dataset(
    layout=Layout.MARKET1501,
    title="Market-1501",
    matches=market.matches,
    training=market.training,
    splits=splits,
    zero_is_distractor=True,
    variants=(
        Variant("standard", published=_PUBLISHED),
        Variant(
            "distractors",
            "with 500,000 distractors in the gallery",
            published=_PUBLISHED | {"gallery": _MORE},
        ),
    ),
    source="Zheng et al. 2015, Scalable Person Re-identification: A Benchmark",
    page="https://zheng-lab.cecs.anu.edu.au/Project/project_reid.html",
    terms="no license is stated; offered for research",
    access="page",
    size="32,668 crops of 1,501 people, 6 cameras; 500,000 distractors apart",
    expected_files="bounding_box_train, query, bounding_box_test; distractors in images",
)
