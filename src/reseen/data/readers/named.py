"""Benchmarks whose splits are folders and whose file names show person and camera."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reseen.data.readers.folder import first_image, image_paths
from reseen.data.readers.rows import LabelledRows, Rows
from reseen.errors import DataError


@dataclass(frozen=True)
class NamedFolders:
    """Where the splits lie and how files are named."""

    title: str
    folders: Mapping[str, str]
    """Split to folder, below the root."""
    name: re.Pattern[str]
    """The beginning of a file name, with the groups `person` and `camera`."""
    like: str
    """A file name as people write it."""

    def has(self, root: Path, split: str) -> bool:
        """True when there is a folder for a split."""
        return (root / self.folders[split]).is_dir()

    def holds(self, root: Path) -> bool:
        """True when there are crops to learn from or crops to score with, and the first is named as it should be."""
        if not (self.has(root, "train") or (self.has(root, "query") and self.has(root, "gallery"))):
            return False
        first = first_image(root / self.folders["train" if self.has(root, "train") else "query"])
        return first is not None and self.name.match(first.rpartition("/")[2]) is not None

    def training(self, root: Path, _variant: str = "") -> Rows:
        """The crops of the training folder, each with its camera; the person in a name is not read.

        Raises:
            DataError: the folder is missing or empty, or a name shows no camera.
        """
        return self.rows(root, "train")

    def splits(
        self, root: Path, _variant: str = "", names: Sequence[str] | None = None
    ) -> dict[str, LabelledRows]:
        """Splits with the people on them, junk included; those present when `names` is None.

        Raises:
            DataError: as in `training`.
        """
        names = [name for name in self.folders if self.has(root, name)] if names is None else names
        rows = {name: self.rows(root, name) for name in names}
        return {name: LabelledRows(found, self._people(found.paths)) for name, found in rows.items()}

    def rows(self, root: Path, split: str) -> Rows:
        """The crops of one split.

        Raises:
            DataError: as in `training`.
        """
        folder = root / self.folders[split]
        if not folder.is_dir():
            raise DataError(
                f"{root}: no folder {self.folders[split]}, which holds the {split} crops of the {self.title} layout"
            )
        paths = image_paths(folder)
        matches = [self.name.match(path.rpartition("/")[2]) for path in paths]
        strange = [path for path, match in zip(paths, matches, strict=True) if match is None]
        if strange:
            raise DataError(
                f"{folder}: {len(strange):,} of {len(paths):,} names are not like {self.like}, "
                f"the first is {strange[0]}; move them away or set data.layout to 'folder'"
            )
        cameras = [f"c{int(match['camera'])}" for match in matches if match]
        return Rows(root, [f"{self.folders[split]}/{path}" for path in paths], cameras)

    def _people(self, paths: Sequence[str]) -> list[int]:
        return [int(match["person"]) for path in paths if (match := self.name.match(path.rpartition("/")[2]))]
