"""Names recognized in folders of any layout: file names of benchmarks, and folders and shards named like a split."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reseen.datasets import market1501, mars
from reseen.datasets.folder import first_image, subfolders
from reseen.errors import DataError


@dataclass(frozen=True)
class Naming:
    """A convention of file names that contain person and camera."""

    title: str
    """The benchmark it is from."""
    like: str
    """The format of file names, for messages."""
    expression: re.Pattern[str]
    """Matches the beginning of a file name, with the groups `person` and `camera`."""
    first_person: int = 1
    """The smallest number of a person; if 0, the convention has no distractors."""

    def match(self, path: str) -> re.Match[str] | None:
        """Match the file name of a path; None if it does not follow the convention."""
        return self.expression.match(path.rpartition("/")[2])

    def person(self, match: re.Match[str]) -> int:
        """The identity of a match: persons from 1, 0 for distractors, -1 for junk."""
        text = match["person"]
        return -1 if text in ("-1", "00-1") else int(text) + 1 - self.first_person

    def camera(self, match: re.Match[str]) -> str:
        """The camera name of a match, such as `c1`."""
        return f"c{int(match['camera'])}"


NAMINGS = (
    Naming("Market-1501", "PPPP_cCsS_FFFFFF_NN.jpg", market1501.NAME),
    Naming(
        "MSMT17",
        "PPPP_NNN_CC_MMDDtime_FFFF_N.jpg",
        re.compile(r"(?P<person>\d{4})_\d{3}_(?P<camera>\d{2})_\d{4}[a-z]+_\d+_\d+"),
        first_person=0,
    ),
    Naming("MARS", "PPPPCcTttttFfff.jpg", mars.NAME),
    Naming(
        "DukeMTMC-VideoReID",
        "PPPPCcFffffXxxxxx.jpg",
        re.compile(r"(?P<person>\d{4})_?C(?P<camera>\d)_?F\d+_?X\d+"),
    ),
)
"""All known conventions; a file name matches at most one of them."""


def naming_of(paths: Sequence[str], folder: str) -> Naming | None:
    """The naming convention of all files, or None if no file follows one; `folder` is named in messages.

    Raises:
        DataError: some files follow a convention and others do not.
    """
    for naming in NAMINGS:
        unmatched = [path for path in paths if naming.match(path) is None]
        if not unmatched and paths:
            return naming
        if len(unmatched) < len(paths):
            raise DataError(
                f"{folder}: {len(paths) - len(unmatched):,} of {len(paths):,} files are named as in {naming.title} "
                f"({naming.like}), {len(unmatched):,} are not, the first is {unmatched[0]}; move them away, or give "
                "the places of person and camera in paths by --identity-pattern and --camera-pattern"
            )
    return None


_NAMES = {
    "train": (
        "train_all",
        "trainval",
        "train",
        "training",
        "bounding_box_train",
        "image_train",
        "bbox_train",
    ),
    "query": ("query", "queries", "probe", "image_query"),
    "gallery": ("gallery", "bounding_box_test", "image_test"),
    "held out": ("val", "valid", "validation", "test", "testing", "bbox_test", "multi_query", "gt_bbox"),
}
_PARTS = {name: part for part, names in _NAMES.items() for name in names}


def part_of(name: str) -> str | None:
    """The split that a name means: `train`, `query`, `gallery` or `held out` (val, test); None for other names.

    Letter case is ignored.
    """
    return _PARTS.get(name.lower().replace("-", "_").replace(" ", "_"))


def part_folders(root: Path) -> dict[str, str]:
    """Folders directly below `root` that are named like a split and contain an image, each with its split."""
    named = {folder.name: part for folder in subfolders(root) if (part := part_of(folder.name))}
    return {name: part for name, part in named.items() if first_image(root / name) is not None}


def folder_of(folders: dict[str, str], part: str) -> str | None:
    """The folder to read for a split, preferring `train_all` over `train`; None if there is none."""
    order = _NAMES[part]
    candidates = [name for name, folder_part in folders.items() if folder_part == part]
    return min(
        candidates,
        key=lambda name: order.index(name.lower().replace("-", "_").replace(" ", "_")),
        default=None,
    )


def parts_of_paths(paths: tuple[str, ...] | list[str]) -> list[str]:
    """Sorted names of the top-level folders in relative paths that are named like a split."""
    first = {path.partition("/")[0] for path in paths if "/" in path}
    return sorted(name for name in first if part_of(name))
