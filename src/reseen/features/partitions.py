"""A folder of Parquet partitions that goes by one name: vectors of crops, cut by row.

A partition is called by its rows, written under another name and renamed. So it is there whole or not at all, and made
twice, by a worker that died and the one that took over, it is still one. `partitions.json` says what they are made of.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem
from jaxtyping import Float32

from reseen.errors import DataError, StorageError
from reseen.files import make_folder, storage_error, write_atomically, write_text
from reseen.models import Encoder
from reseen.reading import parse_json
from reseen.runs.run import Run

MANIFEST = "partitions.json"
"""What the partitions are made from, and whether they are all there."""


def is_partitioned(place: Path) -> bool:
    """Whether a place is a folder of partitions that `reseen embed` wrote."""
    return (place / MANIFEST).is_file()


def partition_files(folder: Path) -> list[Path]:
    """The partitions of a folder, in order of their rows.

    Raises:
        DataError: there is none, or some are still missing.
    """
    files = sorted(file for file in folder.glob("*.parquet") if not file.name.startswith("."))
    if is_partitioned(folder):
        manifest = PartitionFolder(str(folder)).manifest()
        if not manifest.get("done"):
            raise DataError(
                f"{folder}: {len(files):,} of {manifest.get('partitions', 0):,} partitions are there; give the same "
                "`reseen embed` again, which goes on"
            )
    if not files:
        raise DataError(
            f"{folder}: holds no Parquet partition; give a folder that `reseen embed` wrote, or a file"
        )
    return files


def partition_name(start: int, stop: int) -> str:
    """The file of the crops `start` to `stop`, that is, without the last number."""
    return f"rows-{start:012d}-{stop:012d}.parquet"


def vector_table(
    paths: Sequence[str],
    cameras: Sequence[str | None],
    vectors: Float32[np.ndarray, "n d"],
    said: Mapping[str, Any],
) -> pa.Table:
    """The columns `path`, `camera` (null where unknown) and `vector`, of fixed size; `said` goes with them."""
    table = pa.table(
        {
            "path": pa.array(paths, pa.string()),
            "camera": pa.array(cameras, pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1]),
        }
    )
    return table.replace_schema_metadata({"reseen": json.dumps(said)})


def describe_vectors(run: Run, encoder: Encoder) -> dict[str, Any]:
    """What goes with a file of vectors: who made them and how they are compared."""
    return {
        "backbone": run.recipe.model.backbone,
        "dimension": encoder.dimension,
        "size": [encoder.height, encoder.width],
        "rounds": run.rounds_done,
        "similarity": "Euclidean: vectors are raw" if encoder.raw else "cosine: vectors have length 1",
    }


class PartitionFolder:
    """Partitions at a path, or at an address that fsspec knows, such as `s3://bucket/folder`."""

    def __init__(self, place: str) -> None:
        """Look the address up; nothing is made yet.

        Raises:
            StorageError: fsspec does not know it, or lacks a package for it.
        """
        try:
            self._system, self._root = fsspec.core.url_to_fs(place)
        except (ImportError, ValueError) as error:
            raise StorageError(
                f"{place}: cannot be opened ({error}); give a folder, or install what it names"
            ) from None
        self.place = place
        self._local = isinstance(self._system, LocalFileSystem)

    def make(self) -> None:
        """Make the folder where it is not there.

        Raises:
            StorageError: it cannot be made.
        """
        if self._local:
            make_folder(Path(self._root))
        else:
            self._system.makedirs(self._root, exist_ok=True)

    def names(self) -> set[str]:
        """Files that are there, those that are being written left out."""
        if not self._system.exists(self._root):
            return set()
        self._system.invalidate_cache()
        found = (str(entry).rpartition("/")[2] for entry in self._system.ls(self._root, detail=False))
        return {name for name in found if not name.startswith(".")}

    def write(self, name: str, table: pa.Table) -> None:
        """Put a partition in its place.

        Raises:
            StorageError: the place is full or cannot be written.
        """
        if self._local:
            write_atomically(Path(self._root) / name, lambda temporary: pq.write_table(table, temporary))
            return
        temporary = f"{self._root}/.{name}.{uuid.uuid4().hex}.part"
        try:
            with self._system.open(temporary, "wb") as file:
                pq.write_table(table, file)
            self._system.mv(temporary, f"{self._root}/{name}")
        except OSError as error:
            raise storage_error(Path(self.place) / name, error) from None

    def describe(self, name: str) -> tuple[int, dict[str, Any]]:
        """Rows of a partition, and what goes with it; its footer alone is read."""
        try:
            with self._system.open(f"{self._root}/{name}", "rb") as file:
                found = pq.read_metadata(file)
            said = parse_json((found.metadata or {}).get(b"reseen", b"{}"))
            if not isinstance(said, dict):
                raise ValueError("no table of names and values")
        except (OSError, ValueError, pa.ArrowException) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise DataError(
                f"{self.place}/{name}: damaged ({reason}); remove it, and the same call makes it again"
            ) from None
        return found.num_rows, said

    def manifest(self) -> dict[str, Any]:
        """What the partitions are made from; empty where there are none.

        Raises:
            DataError: it is damaged.
        """
        path = f"{self._root}/{MANIFEST}"
        if not self._system.exists(path):
            return {}
        try:
            found = parse_json(self._system.cat_file(path))
            if not isinstance(found, dict) or not isinstance(found.get("partitions", 0), int):
                raise ValueError("no table of names and values")
            return found
        except ValueError:
            raise DataError(f"{self.place}/{MANIFEST}: damaged; embed into a new folder") from None

    def write_manifest(self, content: Mapping[str, Any]) -> None:
        """Say what the partitions are made from.

        Raises:
            StorageError: the place is full or cannot be written.
        """
        text = json.dumps(content, indent=1) + "\n"
        if self._local:
            write_text(Path(self._root) / MANIFEST, text)
        else:
            self._system.pipe_file(f"{self._root}/{MANIFEST}", text.encode())
