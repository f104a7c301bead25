"""DukeMTMC-VideoReID: `train`, `query` and `gallery`, each with files `PERSON/TRACKLET/PPPPCcFffffXxxxxx.jpg`.

Derived from DukeMTMC, which its authors withdrew in 2019.
Reference: Wu et al. 2018, "Exploit the Unknown Gradually".
"""

import re
from collections.abc import Sequence
from pathlib import Path

from reseen.datasets.dataset import Dataset, Layout, Variant
from reseen.datasets.duke import WITHDRAWN
from reseen.datasets.folder import first_image, image_paths
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import DataError

SPLITS = ("train", "query", "gallery")

PATH = re.compile(r"(?P<person>\d{4})/(?P<tracklet>\d{4})/\d{4}_?C(?P<camera>\d)_?F\d+_?X\d+\.\w+")
"""Matches a path: person, tracklet, file; older releases have no underscores."""


def matches(root: Path) -> bool:
    """Whether a split contains a matching path."""
    firsts = [first_image(root / split) for split in SPLITS]
    return any(first and PATH.fullmatch(first) for first in firsts)


def training(root: Path, _variant: str) -> Rows:
    """The crops of `train` with camera and tracklet; identities are not read.

    Raises:
        DataError: the folder is missing or empty, or a path does not match.
    """
    return _split(root, "train").rows


def splits(root: Path, _variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits in `names`, or all present ones if None, with identities.

    Raises:
        DataError: as in `training`.
    """
    names = [name for name in SPLITS if (root / name).is_dir()] if names is None else names
    return {name: _split(root, name) for name in names}


def _split(root: Path, split: str) -> LabeledRows:
    if not (root / split).is_dir():
        raise DataError(
            f"{root}: no folder {split}, which contains the {split} tracklets of DukeMTMC-VideoReID"
        )
    paths = image_paths(root / split)
    matches = [match for path in paths if (match := PATH.fullmatch(path))]
    if len(matches) < len(paths):
        unmatched = next(path for path in paths if not PATH.fullmatch(path))
        raise DataError(f"{root / split}: {unmatched} is not named like PPPP/TTTT/PPPPCcFffffXxxxxx.jpg")
    rows = Rows(
        root,
        [f"{split}/{path}" for path in paths],
        [f"c{match['camera']}" for match in matches],
        [f"{match['person']}/{match['tracklet']}" for match in matches],
    )
    return LabeledRows(rows, [int(match["person"]) for match in matches])


DATASET = Dataset(
    layout=Layout.DUKE_VIDEO,
    title="DukeMTMC-VideoReID",
    matches=matches,
    training=training,
    splits=splits,
    variants=(
        Variant(
            "standard",
            protocol="video",
            published={
                "train": {"people": 702, "tracklets": 2_196, "cameras": 8},
                "query": {"people": 702, "tracklets": 702, "cameras": 8},
                "gallery": {"people": 1_110, "tracklets": 2_636, "cameras": 8},
            },
        ),
    ),
    source="Wu et al. 2018, Exploit the Unknown Gradually",
    page="https://github.com/Yu-Wu/DukeMTMC-VideoReID",
    terms="withdrawn; nobody may hand it on",
    access="withdrawn",
    size="4,832 tracklets of 1,404 people and 408 distractors, 8 cameras",
    note=WITHDRAWN,
    expected_files="train, query, gallery",
)
