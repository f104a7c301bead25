"""Reads and writes `clusters.parquet`, the clusters of the last round, with one row per crop."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from reseen.data.table import ImageTable
from reseen.errors import RunError
from reseen.files import write_atomically
from reseen.reading import read_table
from reseen.records import UNKNOWN_CAMERA, PseudoLabels

CLUSTERS = "clusters.parquet"

BROKEN_PARQUET = (OSError, ValueError, KeyError, TypeError, MemoryError, pa.ArrowException)
"""Exceptions raised by reading a Parquet file that is damaged or has other columns."""


def write_clusters(folder: Path, table: ImageTable, labels: PseudoLabels, number: int) -> None:
    """Write `path`, `camera` (null if unknown) and `cluster` (-1 for outliers) of every crop in round `number`.

    Raises:
        StorageError: the file cannot be written.
    """
    cameras = [None if c == UNKNOWN_CAMERA else table.camera_names[c] for c in table.cameras]
    rows = pa.table(
        {
            "path": pa.array(table.texts, pa.string()),
            "camera": pa.array(cameras, pa.string()),
            "cluster": pa.array(labels.labels, pa.int64()),
        }
    )
    rows = rows.replace_schema_metadata({"round": str(number)})
    write_atomically(folder / CLUSTERS, lambda temporary: pq.write_table(rows, temporary))


def read_clusters(folder: Path) -> dict[int, list[str]]:
    """Paths of the crops in each cluster, largest cluster first; outliers are under -1, last. Empty without a file.

    Raises:
        RunError: the file is damaged.
    """
    path = folder / CLUSTERS
    members: dict[int, list[str]] = {}
    if path.is_file():
        for crop, cluster in read_members(path).items():
            members.setdefault(cluster, []).append(crop)
    return dict(sorted(members.items(), key=lambda item: (item[0] < 0, -len(item[1]), item[0])))


def read_members(path: Path) -> dict[str, int]:
    """The cluster of each path in a file written by `write_clusters`.

    Raises:
        RunError: the file is damaged.
    """
    try:
        rows = read_table(path, ["path", "cluster"])
        crops, clusters = (
            rows["path"].cast(pa.string()).to_pylist(),
            rows["cluster"].cast(pa.int64()).to_pylist(),
        )
    except BROKEN_PARQUET as error:
        raise RunError(f"{path}: damaged ({error}); restore it from a copy, or remove it") from None
    return {
        crop: cluster for crop, cluster in zip(crops, clusters, strict=True) if None not in (crop, cluster)
    }
