"""Which cluster each crop of a table is in, as far as a run or a file says."""

import csv
import os
from pathlib import Path

from reseen.data.table import ImageTable
from reseen.engine.clusters import CLUSTERS, read_members
from reseen.engine.run import Run
from reseen.errors import DataError, RunError


def known_clusters(run: Run, table: ImageTable, file: str | Path | None) -> dict[str, int]:
    """Cluster of each path, from a CSV or Parquet file, or from the run where it learned from this very folder.

    Raises:
        DataError: the file cannot be read, or holds no crop of the table.
    """
    if file is None:
        own = run.folder / CLUSTERS
        learned = own.is_file() and os.path.realpath(run.facts.get("root", "")) == os.path.realpath(
            table.root
        )
        return read_members(own) if learned else {}
    path = Path(file).expanduser()
    try:
        found = _read_csv(path) if path.suffix.lower() == ".csv" else read_members(path)
    except (RunError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: cannot be read as clusters, wanted the columns path and cluster ({error})"
        ) from None
    if not found.keys() & set(table.texts):
        raise DataError(f"{path}: holds no crop of {table.root}; give the clusters of this folder")
    return found


def _read_csv(file: Path) -> dict[str, int]:
    with file.open(encoding="utf-8", newline="") as lines:
        return {row["path"]: int(row["cluster"]) for row in csv.DictReader(lines)}
