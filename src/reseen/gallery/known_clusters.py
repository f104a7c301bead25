"""Clusters that are known of crops when they are indexed: those of a file, or of the run that learned from them."""

import csv
import os
from pathlib import Path

from reseen.data.table import ImageTable
from reseen.errors import DataError, RunError
from reseen.reading import read_lines
from reseen.runs.cluster_file import CLUSTERS, read_members
from reseen.runs.run import Run
from reseen.text import parse_spreadsheet_cell


def known_clusters(run: Run, table: ImageTable, file: str | Path | None) -> dict[str, int]:
    """Cluster of each path: from `file` (CSV or Parquet) or, if None, from the run if it was trained on this folder.

    Raises:
        DataError: the file cannot be read, or contains no crop of the table.
    """
    if file is None:
        run_clusters = run.folder / CLUSTERS
        same_folder = run_clusters.is_file() and os.path.realpath(
            run.facts.get("root") or ""
        ) == os.path.realpath(table.root)
        return read_members(run_clusters) if same_folder else {}
    path = Path(file).expanduser()
    try:
        clusters = _read_csv(path) if path.suffix.lower() == ".csv" else read_members(path)
    except (RunError, OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise DataError(
            f"{path}: cannot be read as clusters, expected the columns path and cluster ({error})"
        ) from None
    if not clusters.keys() & set(table.texts):
        raise DataError(f"{path}: holds no crop of {table.root}; give the clusters of this folder")
    return clusters


def _read_csv(file: Path) -> dict[str, int]:
    return {
        parse_spreadsheet_cell(row["path"]): _cluster(row["cluster"])
        for row in csv.DictReader(read_lines(file))
    }


def _cluster(text: str) -> int:
    if len(text) > 18:
        raise ValueError(f"{text[:30]}... is not a cluster number")
    return int(text)
