"""Readers of Parquet tables; the declared size is checked against the file and free memory before rows are read.

A few bytes can encode a hundred million identical rows, and a dictionary with one long text as many copies of it. Text
columns are therefore read dictionary-encoded, and decoded only if the result fits into memory.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reseen.reading.memory_check import require_memory
from reseen.reading.regular import open_regular

_MOST_ROWS_PER_BYTE = 256
"""Paths and vectors differ from row to row, so that even compressed tables stay far below this."""
_OBJECT_BYTES = 64
"""Bytes of a value as a Python object."""
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
    """Read a Parquet file: all columns, or those in `columns` that exist.

    Raises:
        OSError: the file is missing, cannot be read, or is not a regular file.
        ValueError: it is not a Parquet file, is damaged, or does not fit into free memory.

    Example:
        >>> paths = read_table(Path("manifest.parquet"), ["path"]).column("path").to_pylist()
    """
    try:
        with (
            open_regular(path) as stream,
            pq.ParquetFile(stream, read_dictionary=_text_columns(stream)) as file,
        ):
            names = _select_columns(file, columns)
            _check_size(path, file, names)
            return _decode_text(file.read(columns=names, use_threads=False))
    except MemoryError:
        raise ValueError("its rows do not fit into memory") from None
    except OSError as error:
        if error.errno is None:  # Arrow reports damaged files so
            raise ValueError(_reason(error)) from None
        raise
    except _FOREIGN as error:
        raise ValueError(_reason(error)) from None


def iterate_table(path: Path, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """Iterate over the columns of a Parquet file that exist, at most `rows` rows in memory at a time.

    Raises:
        OSError, ValueError: as in `read_table`.
    """
    try:
        with open_regular(path) as stream:
            text_columns = _text_columns(stream)
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False, read_dictionary=text_columns) as file:
            names = _select_columns(file, columns)
            _check_plausible(path, file)
            for batch in file.iter_batches(rows, columns=names, use_threads=False):
                yield _decode_text(pa.Table.from_batches([batch]))
    except MemoryError:
        raise ValueError("its rows do not fit into memory") from None
    except OSError as error:
        if error.errno is None:  # Arrow reports damaged files so
            raise ValueError(_reason(error)) from None
        raise
    except _FOREIGN as error:
        raise ValueError(_reason(error)) from None


def parquet_schema(path: Path) -> pa.Schema:
    """The schema of a Parquet file: columns, types and metadata.

    Raises:
        OSError, ValueError: as in `read_table`.
    """
    return _footer(path)[0]


def parquet_rows(path: Path) -> int:
    """The number of rows declared in the footer of a Parquet file.

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
        if error.errno is None:  # Arrow reports damaged files so
            raise ValueError(_reason(error)) from None
        raise
    except _FOREIGN as error:
        raise ValueError(_reason(error)) from None


def _text_columns(stream: object) -> list[str]:
    """Names of the text columns, which are read dictionary-encoded; the stream is rewound."""
    schema = pq.read_schema(stream)
    stream.seek(0)  # type: ignore[attr-defined]
    return [field.name for field in schema if _is_text(field.type)]


def _is_text(kind: pa.DataType) -> bool:
    kinds = pa.types
    return any(
        test(kind)
        for test in (kinds.is_string, kinds.is_large_string, kinds.is_binary, kinds.is_large_binary)
    )


def _select_columns(file: pq.ParquetFile, columns: Sequence[str] | None) -> list[str]:
    names = file.schema_arrow.names
    if len(set(names)) < len(names):
        raise ValueError(f"duplicate columns: {', '.join(names)[:200]}")
    return [name for name in names if columns is None or name in columns]


def _check_plausible(path: Path, file: pq.ParquetFile) -> None:
    """Refuse a footer that declares far more distinct rows than the file can hold."""
    size, rows = path.stat().st_size, file.metadata.num_rows
    if not 0 <= rows <= _MOST_ROWS_PER_BYTE * size:
        raise ValueError(
            f"declares {rows:,} rows in {size:,} bytes, which is not plausible for crops or vectors; write it again "
            "from its rows"
        )


def _check_size(path: Path, file: pq.ParquetFile, columns: Sequence[str]) -> None:
    """Refuse a table that does not fit into memory.

    Sizes of column chunks are not read, because pyarrow crashes on damaged ones.
    """
    _check_plausible(path, file)
    rows = file.metadata.num_rows
    require_memory(
        sum(rows * _width(file.schema_arrow.field(name).type) for name in columns), f"reading {rows:,} rows"
    )


def _width(kind: pa.DataType) -> int:
    """Bytes per value in memory: fixed-size lists of numbers become arrays, other values Python objects."""
    return 8 * kind.list_size if pa.types.is_fixed_size_list(kind) else _OBJECT_BYTES


def _decode_text(table: pa.Table) -> pa.Table:
    """Decode dictionary-encoded text columns if they fit into memory, and check that the text is valid UTF-8."""
    for index, field in enumerate(table.schema):
        column = table.column(index)
        if not pa.types.is_dictionary(field.type):
            continue
        kind = field.type.value_type
        if _is_text(kind):
            needed = sum(_decoded_bytes(chunk) for chunk in column.chunks)
            require_memory(2 * needed, f"the text of column {field.name[:80]!r}")
            if needed >= 2**31:
                kind = pa.large_binary() if pa.types.is_binary(kind) else pa.large_string()
        table = table.set_column(index, field.name, column.cast(kind))
    table.validate(full=True)
    return table


def _decoded_bytes(chunk: pa.DictionaryArray) -> int:
    lengths = pc.call_function("binary_length", [chunk.dictionary])
    return pc.call_function("sum", [lengths.take(chunk.indices)]).as_py() or 0


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
