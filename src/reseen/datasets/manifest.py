"""Manifests: a CSV or Parquet table with the column `path` and optional columns for camera, identity and so on."""

from collections.abc import Sequence
from pathlib import Path

from reseen.config import suggestion
from reseen.data.times import parse_time, to_seconds
from reseen.datasets.dataset import Dataset, Layout
from reseen.datasets.namings import parts_of_paths
from reseen.datasets.raw_rows import JUNK, LabeledRows, Rows, number_people
from reseen.datasets.values import label
from reseen.errors import DataError
from reseen.reading import open_regular, read_table

COLUMNS = ("path", "camera", "tracklet", "time", "identity", "split")
"""The columns of a manifest; all but the first are optional."""

NOTES = ("source", "frame", "left", "top", "right", "bottom", "score", "sharpness")
"""Columns that `reseen crop` writes for people to read; they are not read here."""

SPLITS = ("train", "query", "gallery")
"""The values of the column `split`."""

Columns = dict[str, list[str | None]]


SUFFIXES = (".csv", ".parquet")
"""File name suffixes of manifests."""


def matches(manifest: Path) -> bool:
    """Whether this is a file with the suffix of a manifest."""
    return manifest.is_file() and manifest.suffix.lower() in SUFFIXES


def training(manifest: Path, _variant: str = "") -> Rows:
    """The rows of split `train`, or all rows if there is no column `split`; identities are not read.

    Raises:
        DataError: the manifest cannot be read, has invalid columns or values, or lists files that do not exist.
    """
    columns = _columns(manifest, [name for name in COLUMNS if name != "identity"])
    if "split" not in columns:
        _check_one_pool(manifest, columns["path"])
    return _rows(manifest, _of_split(manifest, columns, "train"))


def parts(manifest: Path) -> dict[str, Rows]:
    """All present splits, without identities.

    Raises:
        DataError: as in `training`.
    """
    columns = _columns(manifest, [name for name in COLUMNS if name != "identity"])
    present = set(columns.get("split", ["train"]))
    return {
        name: _rows(manifest, _of_split(manifest, columns, name)) for name in SPLITS if name in present
    } or {"train": training(manifest)}


def splits(manifest: Path, _variant: str = "", names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits in `names`, or all present ones if None, with identities that are shared by all splits.

    Identities that are all integers keep their values; others are numbered from 1.

    Raises:
        DataError: as in `training`, or there is no column `split` or `identity`.
    """
    columns = _columns(manifest, COLUMNS)
    if "identity" not in columns:
        raise DataError(f"{manifest}: evaluation needs a column 'identity', found {', '.join(columns)}")
    if names is None:
        present = set(columns.get("split", ["train"]))
        names = [name for name in SPLITS if name in present]
    elif "split" not in columns:
        raise DataError(f"{manifest}: evaluation needs a column 'split' with the values query and gallery")
    by_split = {name: _of_split(manifest, columns, name) for name in names}
    identities = iter(
        _numbered([name for split in by_split.values() for name in split["identity"]], manifest)
    )
    return {
        name: LabeledRows(_rows(manifest, split), [next(identities) for _ in split["path"]])
        for name, split in by_split.items()
    }


def has_identities(manifest: Path) -> bool:
    """Whether the manifest has a column `identity`."""
    return "identity" in _columns(manifest, COLUMNS)


def _columns(manifest: Path, names: Sequence[str]) -> Columns:
    """The present columns among `names`, as text; empty cells are None."""
    import pyarrow
    from pyarrow import csv

    try:
        if manifest.suffix.lower() == ".parquet":
            table = read_table(manifest)
        else:
            types = dict.fromkeys(COLUMNS, pyarrow.string())
            options = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
            table = csv.read_csv(open_regular(manifest), convert_options=options)
        present = table.column_names  # raises for invalid text in a damaged file, as `to_pylist` does
        _check_columns(manifest, present)
        columns = {name: table.column(name).to_pylist() for name in names if name in present}
    except FileNotFoundError:
        raise DataError(f"{manifest}: no such manifest") from None
    except (OSError, ValueError, MemoryError, pyarrow.ArrowException) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{manifest}: cannot be read as a manifest: {reason}") from None
    return {name: [_text(value) for value in values] for name, values in columns.items()}


def _check_columns(manifest: Path, names: Sequence[str]) -> None:
    if "path" not in names:
        raise DataError(f"{manifest}: a manifest needs a column 'path', found {', '.join(names) or 'none'}")
    for name in names:
        if name not in COLUMNS and name not in NOTES:
            hint = suggestion(name, COLUMNS) or f"; the columns are {', '.join(COLUMNS)}"
            raise DataError(f"{manifest}: unknown column '{name}'{hint}")
    if len(set(names)) < len(names):
        raise DataError(f"{manifest}: duplicate columns: {', '.join(names)}")


def _of_split(manifest: Path, columns: Columns, split: str) -> Columns:
    """The rows of one split, after checking their paths."""
    values = columns.get("split", ["train"] * len(columns["path"]))
    for row, value in enumerate(values):
        if value not in SPLITS:
            shown = "empty" if value is None else f"'{value}'"
            hint = suggestion(value or "", SPLITS) or f"; known: {', '.join(SPLITS)}"
            raise DataError(f"{manifest}: row {row + 1}: split is {shown}{hint}")
    rows = [row for row, value in enumerate(values) if value == split]
    if not rows:
        raise DataError(f"{manifest}: no row of split '{split}' among {len(values):,} rows")
    part = {name: [column[row] for row in rows] for name, column in columns.items()}
    _check_paths(manifest, part["path"], rows)
    return part


def _check_one_pool(manifest: Path, paths: Sequence[str | None]) -> None:
    """Refuse a manifest without splits whose paths are in folders of several splits."""
    splits_in_paths = parts_of_paths([path for path in paths if path])
    if len(splits_in_paths) > 1:
        raise DataError(
            f"{manifest}: has no column 'split', but its paths are in {' and '.join(splits_in_paths)}, which are not "
            "mixed for training; add the column, with train, query or gallery in each row"
        )


def _check_paths(manifest: Path, paths: Sequence[str | None], rows: Sequence[int]) -> None:
    seen = set()
    for path, row in zip(paths, rows, strict=True):
        if path is None:
            raise DataError(f"{manifest}: row {row + 1}: no path")
        if path in seen:
            raise DataError(f"{manifest}: row {row + 1}: {path[:200]} is listed twice")
        seen.add(path)
    missing = [path for path in paths if path is not None and not _exists(manifest.parent / path)]
    if missing:
        shown = ", ".join(path[:200] for path in missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise DataError(
            f"{manifest}: {len(missing):,} of {len(paths):,} files do not exist: {shown}; "
            f"paths are relative to {manifest.parent}"
        )


def _exists(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # the name is too long
        return False


def _rows(manifest: Path, part: Columns) -> Rows:
    times = _times(manifest, part["time"]) if "time" in part else None
    paths = [Path(path).as_posix() for path in part["path"] if path is not None]
    return Rows(manifest.parent, paths, part.get("camera"), part.get("tracklet"), times)


def _times(manifest: Path, texts: Sequence[str | None]) -> list[float]:
    try:
        return to_seconds([parse_time(text) for text in texts])
    except ValueError as error:
        raise DataError(
            f"{manifest}: column 'time' must contain seconds, Unix times or dates like 2024-05-01T12:00:00: {error}"
        ) from None


def _numbered(names: Sequence[str | None], manifest: Path) -> list[int]:
    labels = [label(name) for name in names]
    if None in labels:
        raise DataError(
            f"{manifest}: {labels.count(None):,} rows have no identity; write {JUNK} for crops to leave out"
        )
    return number_people([name for name in labels if name is not None])


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


DATASET = Dataset(
    layout=Layout.MANIFEST,
    title="Manifest",
    matches=matches,
    training=training,
    splits=splits,
    has_identities=has_identities,
    parts=parts,
    cameras_from="its camera column",
    access="own",
    size="as many as you have",
    expected_files="a .csv or .parquet file with the columns path, camera, tracklet, time, split, identity",
)
