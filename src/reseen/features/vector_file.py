"""The file of vectors that `embed` writes, read again and matched with the crops it was made from."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from reseen.data.decode import MOST_PIXELS
from reseen.data.table import ImageTable
from reseen.datasets import read_training
from reseen.datasets.values import camera_names
from reseen.errors import ClusteringError, DataError
from reseen.evaluate.feature_files import read_vector_column
from reseen.features.partitions import partition_files
from reseen.geometry import unit
from reseen.reading import parse_json, read_table
from reseen.records import UNKNOWN_CAMERA, Features

_SIZE = (128, 64)
"""Height and width in pixels that crops are shown at where the file does not say."""


@dataclass(frozen=True)
class Vectors:
    """What the file holds; row i of all three is one crop."""

    file: Path
    paths: tuple[str, ...]
    cameras: tuple[str | None, ...]
    """Names, None where unknown."""
    features: Features
    size: tuple[int, int]
    """Height and width of the crops that the encoder saw, in pixels."""


def read_vectors(file: Path) -> Vectors:
    """Read a Parquet file with the columns `path`, `vector` and, where cameras are known, `camera`.

    A folder of partitions is read as one file.

    Raises:
        DataError: it is no such file or folder, holds no row, or names a crop twice.
        ClusteringError: a vector is zero or not finite.
    """
    try:
        parts = [read_table(part) for part in (partition_files(file) if file.is_dir() else [file])]
        table = parts[0] if len(parts) == 1 else pa.concat_tables(parts)  # the first says what goes with them
        names = table.column_names
        missing = [name for name in ("path", "vector") if name not in names]
        if missing:
            raise DataError(
                f"{file}: lacks the column {' and '.join(missing)}; give the file that `reseen embed` wrote"
            )
        paths = tuple(table["path"].cast(pa.string()).to_pylist())
        written = table["camera"].cast(pa.string()).to_pylist() if "camera" in names else [None] * len(paths)
        cameras = camera_names(written)
        said = parse_json((table.schema.metadata or {}).get(b"reseen", b"{}"))
        height, width = map(int, said.get("size", _SIZE))
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
        raise DataError(f"{file}: not a Parquet file such as `reseen embed` writes ({reason})") from None
    if len(set(paths)) < len(paths):
        twice = Counter(paths).most_common(1)[0][0]
        raise DataError(f"{file}: names {twice} twice; a crop has one vector")
    return Vectors(file, paths, tuple(cameras), features, (height, width))


def match_table(vectors: Vectors, data: str | Path | ImageTable) -> tuple[ImageTable, str]:
    """The table of the crops in `vectors`, in their order, and a sentence on crops of the data that have no vector.

    Raises:
        DataError: the data cannot be read, or lacks a crop.
    """
    read = data if isinstance(data, ImageTable) else read_training(Path(data))
    known, wanted = dict(zip(read.texts, read.paths, strict=True)), set(vectors.paths)
    missing = [path for path in vectors.paths if path not in known and not (read.root / path).is_file()]
    if missing:
        raise DataError(
            f"{vectors.file}: {len(missing):,} of {len(wanted):,} crops are not in {read.root}, the first is "
            f"{missing[0]}; give the folder that these vectors were made from, or embed this one"
        )
    names = tuple(sorted({camera for camera in vectors.cameras if camera is not None}))
    number = {name: place for place, name in enumerate(names)}
    cameras = [UNKNOWN_CAMERA if camera is None else number[camera] for camera in vectors.cameras]
    left = len(known.keys() - wanted)
    note = f"left out, in {read.root} but without a vector: {left:,} crops" if left else ""
    paths = tuple(known.get(path, path) for path in vectors.paths)
    spans = None
    if read.spans is not None:  # every path is known: a member of a shard is no file of its own
        place = {path: row for row, path in enumerate(read.paths)}
        spans = read.spans[[place[path] for path in paths]]
    return ImageTable(read.root, paths, np.array(cameras, dtype=np.int64), names, spans=spans), note


def _features(file: Path, table: pa.Table, paths: tuple[str, ...]) -> Features:
    """Unit rows; rows of another length are brought to it, since directions are what is clustered."""
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
