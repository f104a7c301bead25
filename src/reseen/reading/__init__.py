"""Readers of untrusted files with limits on size and type: regular files, JSON, XML, NumPy arrays, Parquet tables.

Whatever the content of the file, every reader raises only `OSError` or `ValueError`, with a one-line message. The
caller converts it to one of reseen's errors, which names the file and the fix.
"""

from reseen.reading.arrays import read_archive, read_array
from reseen.reading.json_text import parse_as, parse_json, read_json, read_json_as, validate_as
from reseen.reading.memory_check import free_bytes, require_memory
from reseen.reading.parquet import iterate_table, parquet_rows, parquet_schema, read_table
from reseen.reading.regular import MOST_BYTES, open_regular, read_lines, read_regular
from reseen.reading.xml_text import XmlElement, parse_xml, read_xml

__all__ = [
    "MOST_BYTES",
    "XmlElement",
    "free_bytes",
    "iterate_table",
    "open_regular",
    "parquet_rows",
    "parquet_schema",
    "parse_as",
    "parse_json",
    "parse_xml",
    "read_archive",
    "read_array",
    "read_json",
    "read_json_as",
    "read_lines",
    "read_regular",
    "read_table",
    "read_xml",
    "require_memory",
    "validate_as",
]
