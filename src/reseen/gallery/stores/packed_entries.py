"""Entries as bytes between two processes: an Arrow stream of their columns, with vectors, similarities or neither."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from reseen.errors import GalleryError
from reseen.gallery.entries import Entries, Entry, Hit

_COLUMNS = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("image", pa.string(), nullable=False),
        pa.field("thumbnail", pa.binary(), nullable=False),
        ("camera", pa.string()),
        ("time", pa.float64()),
        ("tracklet", pa.int64()),
        ("cluster", pa.int64()),
    ]
)
_VECTOR, _SIMILARITY = "vector", "similarity"


def pack_entries(entries: Entries) -> bytes:
    """Entries and their vectors as an Arrow stream."""
    values = pa.array(np.ascontiguousarray(entries.vectors, np.float32).reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(values, entries.vectors.shape[1])
    return _stream(_columns(entries.entries).append_column(_VECTOR, vectors))


def pack_hits(hits: Sequence[Hit]) -> bytes:
    """Hits as an Arrow stream, in their order."""
    similarities = pa.array([hit.similarity for hit in hits], pa.float64())
    return _stream(_columns([hit.entry for hit in hits]).append_column(_SIMILARITY, similarities))


def unpack_entries(content: bytes) -> Entries:
    """What `pack_entries` packed.

    Raises:
        GalleryError: the content is something else.
    """
    try:
        table = _table(content)
        column = table[_VECTOR].combine_chunks()
        if not pa.types.is_fixed_size_list(column.type) or column.type.value_type != pa.float32():
            raise ValueError(f"vectors of type {column.type}")
        vectors: Float32[np.ndarray, "n d"] = column.flatten().to_numpy().reshape(-1, column.type.list_size)
        return Entries(_entries(table), vectors)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise GalleryError(f"these are no entries of a gallery ({str(error)[:200]})") from None


def unpack_hits(content: bytes) -> list[Hit]:
    """What `pack_hits` packed.

    Raises:
        GalleryError: the content is something else.
    """
    try:
        table = _table(content)
        pairs = zip(_entries(table), table[_SIMILARITY].to_pylist(), strict=True)
        return [Hit(entry, float(similarity)) for entry, similarity in pairs]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise GalleryError(f"these are no hits of a search ({str(error)[:200]})") from None


def _columns(entries: Sequence[Entry]) -> pa.Table:
    return pa.table(
        {name: [getattr(entry, name) for entry in entries] for name in _COLUMNS.names}, schema=_COLUMNS
    )


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _table(content: bytes) -> pa.Table:
    with pa.ipc.open_stream(content) as reader:
        table = reader.read_all()
    table.validate(full=True)
    return table


def _entries(table: pa.Table) -> list[Entry]:
    columns = table.select(_COLUMNS.names)
    if columns.schema.types != _COLUMNS.types:
        raise ValueError("columns of other types")
    if any(columns[field.name].null_count for field in _COLUMNS if not field.nullable):
        raise ValueError("a name is missing")
    return [Entry(**row) for row in columns.to_pylist()]
