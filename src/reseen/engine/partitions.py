"""A folder of Parquet partitions that goes by one name: vectors of crops, cut by row."""

from pathlib import Path

from reseen.errors import DataError

MANIFEST = "partitions.json"
"""What the partitions are made from, and whether they are all there."""


def is_partitioned(place: Path) -> bool:
    """Whether a place is a folder of partitions, and not a run or a folder of crops."""
    return (place / MANIFEST).is_file()


def partition_files(folder: Path) -> list[Path]:
    """The partitions of a folder, in order of their rows.

    Raises:
        DataError: there is none.
    """
    files = sorted(file for file in folder.glob("*.parquet") if not file.name.startswith("."))
    if not files:
        raise DataError(
            f"{folder}: holds no Parquet partition; give a folder that `reseen embed` wrote, or a file"
        )
    return files
