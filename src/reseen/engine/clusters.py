"""The clusters of the last round, for people and other programs: one row per crop."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from reseen.data.table import ImageTable
from reseen.files import write_atomically
from reseen.records import UNKNOWN_CAMERA, PseudoLabels

CLUSTERS = "clusters.parquet"


def write_clusters(folder: Path, table: ImageTable, labels: PseudoLabels, number: int) -> None:
    """Write `path`, `camera` (null where unknown) and `cluster` (-1 for noise) of every crop in round `number`."""
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


def read_round(folder: Path, number: int) -> PseudoLabels | None:
    """The pseudo labels of round `number`, in table order; None where the file is of another round."""
    path = folder / CLUSTERS
    if not path.is_file() or (pq.read_schema(path).metadata or {}).get(b"round") != str(number).encode():
        return None
    return PseudoLabels(pq.read_table(path, columns=["cluster"])["cluster"].to_numpy())


def read_clusters(folder: Path) -> dict[int, list[str]]:
    """Paths of each cluster, the largest cluster first; noise under -1, last."""
    path = folder / CLUSTERS
    members: dict[int, list[str]] = {}
    if path.is_file():
        for row in pq.read_table(path, columns=["path", "cluster"]).to_pylist():
            members.setdefault(row["cluster"], []).append(row["path"])
    return dict(sorted(members.items(), key=lambda item: (item[0] < 0, -len(item[1]), item[0])))
