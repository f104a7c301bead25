"""Which cluster each crop of a table is in, as far as a run or a file says."""

import csv
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from reseen.data.table import ImageTable
from reseen.engine.clusters import CLUSTERS
from reseen.engine.run import Run
from reseen.errors import DataError


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
        return _read_parquet(own) if learned else {}
    path = Path(file).expanduser()
    try:
        found = _read_csv(path) if path.suffix.lower() == ".csv" else _read_parquet(path)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise DataError(
            f"{path}: cannot be read as clusters, wanted the columns path and cluster ({error})"
        ) from None
    if not found.keys() & set(table.texts):
        raise DataError(f"{path}: holds no crop of {table.root}; give the clusters of this folder")
    return found


def _read_parquet(file: Path) -> dict[str, int]:
    rows = pq.read_table(file, columns=["path", "cluster"])
    return dict(zip(rows["path"].to_pylist(), rows["cluster"].to_pylist(), strict=True))


def _read_csv(file: Path) -> dict[str, int]:
    with file.open(encoding="utf-8", newline="") as lines:
        return {row["path"]: int(row["cluster"]) for row in csv.DictReader(lines)}
