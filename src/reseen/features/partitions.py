"""A folder of Parquet partitions: the embeddings of crops, split by row.

A partition is named after its rows, written under a temporary name, and renamed. So it is either complete or absent,
and writing it twice, after a worker was replaced, is harmless. The manifest `partitions.json` records what the
partitions were made from.
"""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from reseen.reading import parquet_rows, parquet_schema, parse_json
from reseen.runs.run import Run

MANIFEST = "partitions.json"
"""File that records what the partitions are made from, and whether all are done."""


PARQUET_OPTIONS: dict[str, Any] = {"compression": "none", "use_dictionary": ["camera"]}
"""How tables of vectors are written: numbers of vectors cannot be compressed, and trying takes as long as writing."""


def is_partitioned(path: Path) -> bool:
    """Whether a path is a folder of partitions written by `reseen embed`."""
    return (path / MANIFEST).is_file()


def partition_files(folder: Path) -> list[Path]:
    """The partition files of a folder, in row order.

    Raises:
        DataError: there are none, or the set is incomplete.
    """
    files = sorted(file for file in folder.glob("*.parquet") if not file.name.startswith("."))
    if is_partitioned(folder):
        manifest = PartitionFolder(str(folder)).manifest()
        if not manifest.get("done"):
            raise DataError(
                f"{folder}: only {len(files):,} of {manifest.get('partitions', 0):,} partitions are there; rerun the "
                "same `reseen embed` to resume"
            )
    if not files:
        raise DataError(
            f"{folder}: holds no Parquet partition; give a folder or file written by `reseen embed`"
        )
    return files


def partition_name(start: int, stop: int) -> str:
    """The file name of the partition of rows `start` to `stop`, exclusive."""
    return f"rows-{start:012d}-{stop:012d}.parquet"


def vector_table(
    paths: Sequence[str],
    cameras: Sequence[str | None],
    vectors: Float32[np.ndarray, "n d"],
    metadata: Mapping[str, Any],
) -> pa.Table:
    """A table of the columns `path`, `camera` (null if unknown) and `vector` (fixed size), with JSON `metadata`."""
    table = pa.table(
        {
            "path": pa.array(paths, pa.string()),
            "camera": pa.array(cameras, pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1]),
        }
    )
    return table.replace_schema_metadata({"reseen": json.dumps(metadata)})


def write_vectors(table: pa.Table, file: Any) -> None:
    """Write a table of `vector_table` to a path or an open file."""
    pq.write_table(table, file, **PARQUET_OPTIONS)


def describe_vectors(run: Run, encoder: Encoder) -> dict[str, Any]:
    """Metadata of a file of embeddings: the model that made them, and the similarity to compare them by."""
    return {
        "backbone": run.recipe.model.backbone,
        "dimension": encoder.dimension,
        "size": [encoder.height, encoder.width],
        "rounds": run.rounds_done,
        "similarity": "Euclidean: vectors are raw" if encoder.raw else "cosine: vectors have length 1",
    }


def refuse_several_ways(file: Path, schemas: Iterable[pa.Schema]) -> None:
    """Check that the vectors of a folder's Parquet files were computed in one way, versions aside.

    Their engine must be the same, and whether crops are averaged with their mirror images and cameras centered.

    Raises:
        DataError: they were computed in several ways.
        ValueError: their metadata cannot be read.
    """
    ways = {_way(parse_json((schema.metadata or {}).get(b"reseen", b"{}"))) for schema in schemas}
    if len(ways) > 1:
        raise DataError(
            f"{file}: holds vectors computed in several ways ({'; '.join(sorted(ways))}), which differ; embed all "
            "crops in one way"
        )


def _way(facts: Any) -> str:
    if not isinstance(facts, dict):
        raise ValueError("its metadata are not an object")
    changes = [str(facts[name]) for name in ("views", "camera_centering") if name in facts]
    return ", ".join([f"{facts.get('precision', 'float32')} by {facts.get('exported', 'PyTorch')}", *changes])


@dataclass(frozen=True)
class EmbeddingSummary:
    """What `embed` wrote."""

    rows: int
    """Number of vectors."""
    dimension: int | None
    """Dimension of the vectors of a file; None for a folder, which is not opened."""
    partitions: int | None = None
    """Number of partitions of a folder; None for a file."""
    unreadable: int = 0
    """Crops of a folder that could not be read; a file holds readable crops only."""
    engine: str = ""
    """What computed the vectors of a file and how close they are to those of PyTorch in float32; empty for those."""


def summarize_embeddings(output: str | Path) -> EmbeddingSummary:
    """The size of a file or folder that `embed` wrote, from its footer or manifest.

    Raises:
        DataError: the manifest is corrupt.
    """
    manifest = PartitionFolder(str(output)).manifest()
    if manifest:
        return EmbeddingSummary(manifest["rows"], None, manifest["partitions"], len(manifest["unreadable"]))
    schema = parquet_schema(Path(output))
    facts = parse_json((schema.metadata or {}).get(b"reseen", b"{}"))
    rows, dimension = parquet_rows(Path(output)), schema.field("vector").type.list_size
    return EmbeddingSummary(rows, dimension, engine=_engine_of(facts))


def _engine_of(facts: Mapping[str, Any]) -> str:
    parity = facts.get("parity")
    if parity is None:
        return ""
    return (
        f"computed by {facts['engine']} in {facts['precision']}; compared with PyTorch in float32 on {parity['crops']} "
        f"of the crops: cosine at least {parity['minimum']:.7f}, median {parity['median']:.7f}"
    )


class PartitionFolder:
    """A folder of partitions at a path, or at a URL that fsspec can open, such as `s3://bucket/folder`."""

    def __init__(self, url: str) -> None:
        """Resolve the path or URL; nothing is created.

        Raises:
            StorageError: fsspec does not support the URL, or needs a package that is not installed.
        """
        try:
            self._system, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise StorageError(
                f"{url}: cannot be opened ({error}); give a folder, or install the package named"
            ) from None
        self.url = url
        self._local = isinstance(self._system, LocalFileSystem)

    def make(self) -> None:
        """Create the folder if it does not exist.

        Raises:
            StorageError: it cannot be created.
        """
        if self._local:
            make_folder(Path(self._root))
        else:
            self._system.makedirs(self._root, exist_ok=True)

    def names(self) -> set[str]:
        """Names of the files in the folder, without files being written."""
        if not self._system.exists(self._root):
            return set()
        self._system.invalidate_cache()
        names = (str(entry).rpartition("/")[2] for entry in self._system.ls(self._root, detail=False))
        return {name for name in names if not name.startswith(".")}

    def write(self, name: str, table: pa.Table) -> None:
        """Write a partition atomically.

        Raises:
            StorageError: the disk is full, or the folder cannot be written.
        """
        if self._local:
            write_atomically(Path(self._root) / name, lambda temporary: write_vectors(table, temporary))
            return
        temporary = f"{self._root}/.{name}.{uuid.uuid4().hex}.part"
        try:
            with self._system.open(temporary, "wb") as file:
                write_vectors(table, file)
            self._system.mv(temporary, f"{self._root}/{name}")
        except OSError as error:
            raise storage_error(Path(self.url) / name, error) from None

    def describe(self, name: str) -> tuple[int, dict[str, Any]]:
        """Number of rows of a partition, and its metadata; only the footer of the file is read.

        Raises:
            DataError: the partition is corrupt.
        """
        try:
            with self._system.open(f"{self._root}/{name}", "rb") as file:
                footer = pq.read_metadata(file)
            metadata = parse_json((footer.metadata or {}).get(b"reseen", b"{}"))
            if not isinstance(metadata, dict):
                raise ValueError("not a JSON object")
        except (OSError, ValueError, pa.ArrowException) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise DataError(
                f"{self.url}/{name}: damaged ({reason}); remove it and rerun the command to make it again"
            ) from None
        return footer.num_rows, metadata

    def manifest(self) -> dict[str, Any]:
        """The manifest: what the partitions are made from; empty if there is none.

        Raises:
            DataError: it is corrupt.
        """
        path = f"{self._root}/{MANIFEST}"
        if not self._system.exists(path):
            return {}
        try:
            manifest = parse_json(self._system.cat_file(path))
            if not isinstance(manifest, dict) or not isinstance(manifest.get("partitions", 0), int):
                raise ValueError("not a JSON object")
            return manifest
        except ValueError:
            raise DataError(f"{self.url}/{MANIFEST}: damaged; embed into a new folder") from None

    def write_manifest(self, content: Mapping[str, Any]) -> None:
        """Write the manifest.

        Raises:
            StorageError: the disk is full, or the folder cannot be written.
        """
        text = json.dumps(content, indent=1) + "\n"
        if self._local:
            write_text(Path(self._root) / MANIFEST, text)
        else:
            self._system.pipe_file(f"{self._root}/{MANIFEST}", text.encode())
