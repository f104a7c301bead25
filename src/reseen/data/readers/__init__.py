"""Readers: one file per layout on disk. Training tables never hold identities; evaluation tables do."""

from pathlib import Path

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.readers import folder, manifest, market1501
from reseen.data.readers.layout import Layout, describe, detect, parse
from reseen.data.table import ImageTable
from reseen.errors import DataError, SettingsError

__all__ = ["Layout", "describe", "detect", "parse", "read_evaluation", "read_training"]


def read_training(root: Path, layout: str | None = None, pattern: str | None = None) -> ImageTable:
    """Read crops to train on or to embed, without identities, sorted by path.

    `layout` is looked for when it is None or `auto`; `pattern` says where a bare folder names its cameras.

    Raises:
        DataError: there is nothing to read, or it is not of this layout.
        SettingsError: an unknown layout, or a camera pattern that is wrong or has no place here.
    """
    root = root.expanduser()
    chosen = parse(layout) or detect(root)
    if chosen is Layout.FOLDER:
        return folder.read_training(root, pattern)
    if pattern is not None:
        raise SettingsError(
            f"camera pattern '{pattern}': patterns are for bare folders, {root} is read as {chosen}; "
            "leave it out or set data.layout to 'folder'"
        )
    return market1501.read_training(root) if chosen is Layout.MARKET1501 else manifest.read_training(root)


def read_evaluation(root: Path, layout: str | None = None) -> tuple[EvaluationTable, EvaluationTable]:
    """Read query and gallery with identities; cameras are numbered alike in both.

    Crops of identity -1 are dropped, 0 is kept (a distractor). A camera nobody knows stays -1.

    Raises:
        DataError: there is nothing to read, or this layout knows no identities.
        SettingsError: an unknown layout.
    """
    root = root.expanduser()
    chosen = parse(layout) or detect(root)
    if chosen is Layout.MARKET1501:
        return market1501.read_evaluation(root)
    if chosen is Layout.MANIFEST:
        return manifest.read_evaluation(root)
    raise DataError(
        f"{root}: evaluation needs to know who is on each crop, and a bare folder does not say; use the "
        "Market-1501 layout or a manifest with the columns path, split (query or gallery) and identity"
    )
