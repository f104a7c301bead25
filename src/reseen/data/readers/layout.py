"""How data lies on disk: found by looking, said in one sentence, overridable by `data.layout`."""

from enum import StrEnum
from pathlib import Path

from reseen.config import suggestion
from reseen.data.readers import folder, market1501
from reseen.data.table import ImageTable
from reseen.errors import DataError, SettingsError

MANIFEST_SUFFIXES = (".csv", ".parquet")
"""Kinds of manifest files."""


class Layout(StrEnum):
    """The layouts that reseen reads."""

    MARKET1501 = "market1501"
    FOLDER = "folder"
    MANIFEST = "manifest"


def parse(name: str | None) -> Layout | None:
    """A layout by name; None for `auto` or nothing.

    Raises:
        SettingsError: there is no such layout.
    """
    if name is None or name == "auto":
        return None
    try:
        return Layout(name)
    except ValueError:
        known = ["auto", *Layout]
        hint = suggestion(name, known) or f"; known: {', '.join(known)}"
        raise SettingsError(f"data.layout: no layout '{name}'{hint}") from None


def detect(root: Path) -> Layout:
    """Look at a folder or manifest file and say how it is laid out.

    Raises:
        DataError: nothing is there, the file is no manifest, or Market-1501 lies one folder further down.
    """
    if not root.exists():
        raise DataError(f"{root}: no such folder or manifest")
    if root.is_file():
        if root.suffix.lower() in MANIFEST_SUFFIXES:
            return Layout.MANIFEST
        raise DataError(f"{root}: neither a folder nor a manifest; a manifest ends in .csv or .parquet")
    if market1501.is_market(root):
        return Layout.MARKET1501
    inner = next((below for below in folder.subfolders(root) if market1501.is_market(below)), None)
    if inner is not None:
        raise DataError(
            f"{root}: the Market-1501 layout lies one folder down; give {inner} instead "
            "(or set data.layout to 'folder' to mix all its images)"
        )
    return Layout.FOLDER


def describe(table: ImageTable, layout: Layout) -> str:
    """One sentence for a person: the layout, the crops, and where the cameras come from."""
    crops = f"{len(table):,} crop{'' if len(table) == 1 else 's'}"
    count = len(table.camera_names)
    cameras = f"{count} camera{'' if count == 1 else 's'}"
    if layout is Layout.MARKET1501:
        return f"Market-1501 layout, {crops} for training, {cameras} from the file names"
    if layout is Layout.MANIFEST:
        return f"Manifest, {crops} for training, " + (
            f"{cameras} from its camera column" if count else "no cameras"
        )
    if count:
        unknown = int((table.cameras < 0).sum())
        rest = f" ({unknown:,} crops fit no camera)" if unknown else ""
        return f"Folder of images, {crops}, {cameras} from the paths{rest}"
    hint = folder.suggest_pattern(table.paths)
    said = f"; if their paths tell, try the camera pattern '{hint}'" if hint else ""
    return f"Folder of images, {crops}, no cameras{said}"
