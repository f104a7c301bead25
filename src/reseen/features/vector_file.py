"""Read the embeddings that `embed` wrote, and match them with the crops they were made from."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from reseen.data.decode import MOST_PIXELS
from reseen.data.table import ImageTable
from reseen.datasets import read_training
from reseen.datasets.values import camera_names
from reseen.errors import ClusteringError, DataError
from reseen.evaluate.feature_files import read_vector_column
from reseen.features.partitions import partition_files, refuse_several_ways
from reseen.geometry import unit
from reseen.reading import parse_json, read_table
from reseen.records import UNKNOWN_CAMERA, Features

_SIZE = (128, 64)
"""Height and width of crops, in pixels, if the file does not record them."""


@dataclass(frozen=True)
class Vectors:
    """The embeddings of a file; row i of paths, cameras and features is one crop."""

    file: Path
    paths: tuple[str, ...]
    cameras: tuple[str | None, ...]
    """Camera names, None if unknown."""
    features: Features
    size: tuple[int, int]
    """Input height and width of the encoder, in pixels."""


def read_vectors(file: Path) -> Vectors:
    """Read a Parquet file with the columns `path`, `vector` and optionally `camera`, or a folder of partitions.

    Vectors are normalized to unit length if they are not.

    Raises:
        DataError: it is not such a file or folder, has no rows, or has a crop twice.
        ClusteringError: a vector is zero or not finite.
    """
    try:
        parts = [read_table(part) for part in (partition_files(file) if file.is_dir() else [file])]
        refuse_several_ways(file, [part.schema for part in parts])
        table = parts[0] if len(parts) == 1 else pa.concat_tables(parts)  # with the metadata of the first
        names = table.column_names
        missing = [name for name in ("path", "vector") if name not in names]
        if missing:
            raise DataError(
                f"{file}: lacks the column {' and '.join(missing)}; give a file written by `reseen embed`"
            )
        paths = tuple(table["path"].cast(pa.string()).to_pylist())
        camera_column = (
            table["camera"].cast(pa.string()).to_pylist() if "camera" in names else [None] * len(paths)
        )
        cameras = camera_names(camera_column)
        metadata = _metadata(table)
        height, width = map(int, metadata.get("size", _SIZE))
        if not (0 < height <= MOST_PIXELS and 0 < width <= MOST_PIXELS and height * width <= MOST_PIXELS):
            raise ValueError(f"crops of {height} x {width} pixels")
        if not paths:
            raise DataError(f"{file}: holds no vector; embed a folder that has crops")
        features = _features(file, table, paths)
    except (
        OSError,
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        MemoryError,
        pa.ArrowException,
    ) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{file}: not a Parquet file of `reseen embed` ({reason})") from None
    if len(set(paths)) < len(paths):
        duplicate = Counter(paths).most_common(1)[0][0]
        raise DataError(f"{file}: holds {duplicate} twice; every crop must have one vector")
    return Vectors(file, paths, tuple(cameras), features, (height, width))


def match_table(vectors: Vectors, data: str | Path | ImageTable) -> tuple[ImageTable, str]:
    """The table of the crops in `vectors`, in their order, and a note on crops of the data without a vector.

    Raises:
        DataError: the data cannot be read, or lacks a crop that has a vector.
    """
    table = data if isinstance(data, ImageTable) else read_training(Path(data))
    known, embedded = dict(zip(table.texts, table.paths, strict=True)), set(vectors.paths)
    missing = [path for path in vectors.paths if path not in known and not (table.root / path).is_file()]
    if missing:
        raise DataError(
            f"{vectors.file}: {len(missing):,} of {len(embedded):,} crops are not in {table.root}, the first is "
            f"{missing[0]}; give the folder that these vectors were made from, or embed this one"
        )
    names = tuple(sorted({camera for camera in vectors.cameras if camera is not None}))
    number = {name: index for index, name in enumerate(names)}
    cameras = [UNKNOWN_CAMERA if camera is None else number[camera] for camera in vectors.cameras]
    ignored = len(known.keys() - embedded)
    note = f"ignored, in {table.root} but without a vector: {ignored:,} crops" if ignored else ""
    paths = tuple(known.get(path, path) for path in vectors.paths)
    spans = None
    if table.spans is not None:  # every path is known, since members of a shard are not files
        row_of = {path: row for row, path in enumerate(table.paths)}
        spans = table.spans[[row_of[path] for path in paths]]
    return ImageTable(table.root, paths, np.array(cameras, dtype=np.int64), names, spans=spans), note


def _metadata(table: pa.Table) -> dict[str, Any]:
    return parse_json((table.schema.metadata or {}).get(b"reseen", b"{}"))


def _features(file: Path, table: pa.Table, paths: tuple[str, ...]) -> Features:
    """The vectors as unit rows, normalized if needed, since clustering uses cosine similarity."""
    rows = read_vector_column(file, table, "vector")
    lengths = np.linalg.norm(rows, axis=1)
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if len(bad):
        raise ClusteringError(
            f"{file}: {len(bad):,} vectors are zero or not finite, the first is that of {paths[bad[0]]}; "
            "remove these rows"
        )
    vectors = torch.from_numpy(rows)
    return Features(vectors if bool((np.abs(lengths - 1) <= 1e-3).all()) else unit(vectors))
