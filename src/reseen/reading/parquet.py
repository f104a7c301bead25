"""Parquet tables: what the footer declares is held against the file and free memory before rows are read.

A few bytes can stand for a hundred million rows that are all alike, and a dictionary of one long text for as many
copies of it. Text is therefore read as dictionaries first, and copied out only where it fits.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reseen.reading.memory import require_memory
from reseen.reading.regular import open_regular

_MOST_ROWS_PER_BYTE = 256
"""Crops have names, and vectors numbers, that differ; compressed as well as can be they stay far below this."""
_OBJECT = 64
"""Bytes of a value as an object of Python."""
_FOREIGN = (
    pa.ArrowException,
    ValueError,
    KeyError,
    TypeError,
    OverflowError,
    RuntimeError,
    NotImplementedError,
    RecursionError,
)


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file, or some of its columns that are there.

    Raises:
        OSError: the file is missing, cannot be read, or is no regular file.
        ValueError: it is no Parquet file, damaged, or declares more than fits into free memory.
    """
    try:
        with open_regular(path) as stream, pq.ParquetFile(stream, read_dictionary=_texts(stream)) as file:
            wanted = _wanted(file, columns)
            _check_size(path, file, wanted)
            return _plain(file.read(columns=wanted, use_threads=False))
    except MemoryError:
        raise ValueError("its rows do not fit into memory") from None
    except OSError as error:
        if error.errno is None:  # Arrow's word for a damaged file
            raise ValueError(_reason(error)) from None
        raise
    except _FOREIGN as error:
        raise ValueError(_reason(error)) from None


def iterate_table(path: Path, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """Some columns of a Parquet file, so many rows at a time; no more of it is in memory.

    Raises:
        OSError, ValueError: as in `read_table`.
    """
    try:
        with open_regular(path) as stream:
            texts = _texts(stream)
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False, read_dictionary=texts) as file:
            wanted = _wanted(file, columns)
            _check_plausible(path, file)
            for batch in file.iter_batches(rows, columns=wanted, use_threads=False):
                yield _plain(pa.Table.from_batches([batch]))
    except MemoryError:
        raise ValueError("its rows do not fit into memory") from None
    except OSError as error:
        if error.errno is None:  # Arrow's word for a damaged file
            raise ValueError(_reason(error)) from None
        raise
    except _FOREIGN as error:
        raise ValueError(_reason(error)) from None


def parquet_schema(path: Path) -> pa.Schema:
    """Columns and what goes with them.

    Raises:
        OSError, ValueError: as in `read_table`.
    """
    return _footer(path)[0]


def parquet_rows(path: Path) -> int:
    """Rows that the footer declares.

    Raises:
        OSError, ValueError: as in `read_table`.
    """
    return _footer(path)[1]


def _footer(path: Path) -> tuple[pa.Schema, int]:
    try:
        with open_regular(path) as stream, pq.ParquetFile(stream) as file:
            _check_plausible(path, file)
            return file.schema_arrow, file.metadata.num_rows
    except OSError as error:
        if error.errno is None:  # Arrow's word for a damaged file
            raise ValueError(_reason(error)) from None
        raise
    except _FOREIGN as error:
        raise ValueError(_reason(error)) from None


def _texts(stream: object) -> list[str]:
    """Columns of text, which are read as dictionaries; the stream is left at its start."""
    schema = pq.read_schema(stream)
    stream.seek(0)  # type: ignore[attr-defined]
    return [field.name for field in schema if _is_text(field.type)]


def _is_text(kind: pa.DataType) -> bool:
    kinds = pa.types
    return any(
        test(kind)
        for test in (kinds.is_string, kinds.is_large_string, kinds.is_binary, kinds.is_large_binary)
    )


def _wanted(file: pq.ParquetFile, columns: Sequence[str] | None) -> list[str]:
    names = file.schema_arrow.names
    if len(set(names)) < len(names):
        raise ValueError(f"a column is there twice: {', '.join(names)[:200]}")
    return [name for name in names if columns is None or name in columns]


def _check_plausible(path: Path, file: pq.ParquetFile) -> None:
    """Refuse a footer that declares far more values than the file can hold of different ones."""
    size, rows = path.stat().st_size, file.metadata.num_rows
    if not 0 <= rows <= _MOST_ROWS_PER_BYTE * size:
        raise ValueError(
            f"declares {rows:,} rows in {size:,} bytes, which no list of crops or vectors does; write it anew from its "
            "rows"
        )


def _check_size(path: Path, file: pq.ParquetFile, columns: Sequence[str]) -> None:
    """Refuse what does not fit; chunks of columns are not asked, since pyarrow ends the process on damaged ones."""
    _check_plausible(path, file)
    rows = file.metadata.num_rows
    require_memory(
        sum(rows * _width(file.schema_arrow.field(name).type) for name in columns), f"reading {rows:,} rows"
    )


def _width(kind: pa.DataType) -> int:
    """Bytes that a value of a column takes: a list of numbers stays an array, the rest become objects of Python."""
    return 8 * kind.list_size if pa.types.is_fixed_size_list(kind) else _OBJECT


def _plain(table: pa.Table) -> pa.Table:
    """Dictionaries of text as text, where that fits into memory; the text is checked, since writers may not."""
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if not pa.types.is_dictionary(field.type):
            continue
        kind = field.type.value_type
        if _is_text(kind):
            needed = sum(_decoded_bytes(chunk) for chunk in column.chunks)
            require_memory(2 * needed, f"the text of column {field.name[:80]!r}")
            if needed >= 2**31:
                kind = pa.large_binary() if pa.types.is_binary(kind) else pa.large_string()
        table = table.set_column(place, field.name, column.cast(kind))
    table.validate(full=True)
    return table


def _decoded_bytes(chunk: pa.DictionaryArray) -> int:
    lengths = pc.call_function("binary_length", [chunk.dictionary])
    return pc.call_function("sum", [lengths.take(chunk.indices)]).as_py() or 0


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
