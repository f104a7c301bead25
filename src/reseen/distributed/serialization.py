"""Values as bytes and back, to send them from one process of a run to another without pickling."""

import json
import struct
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reseen.cluster import Clustering
from reseen.data.table import ImageTable
from reseen.records import PseudoLabels

NOUNS = {noun.__name__: noun for noun in (Clustering, ImageTable, PseudoLabels)}
"""The records that may be sent."""


def serialize(value: Any) -> bytes:
    """None, truth, numbers, words, paths, arrays, records of `NOUNS`, and tuples, lists and mappings of these.

    Raises:
        TypeError: something else.
    """
    arrays: list[np.ndarray] = []
    header = json.dumps(
        {"value": _plain(value, arrays), "arrays": [_kind(array) for array in arrays]}
    ).encode()
    return b"".join([struct.pack("<q", len(header)), header, *(array.tobytes() for array in arrays)])


def deserialize(packed: bytes) -> Any:
    """What `serialize` was given; arrays can be written to."""
    (length,) = struct.unpack_from("<q", packed)
    header = json.loads(packed[8 : 8 + length])
    arrays, start = [], 8 + length
    for kind, shape in header["arrays"]:
        count = int(np.prod(shape, dtype=np.int64))
        arrays.append(np.frombuffer(packed, np.dtype(kind), count, start).reshape(shape).copy())
        start += arrays[-1].nbytes
    return _rebuilt(header["value"], arrays)


def _kind(array: np.ndarray) -> tuple[str, tuple[int, ...]]:
    if array.dtype.hasobject:
        raise TypeError("an array of objects cannot be sent to other processes")
    return array.dtype.str, array.shape


def _plain(value: Any, arrays: list[np.ndarray]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [_plain(item, arrays) for item in value]}
    if isinstance(value, dict):
        return {"mapping": [[_plain(key, arrays), _plain(item, arrays)] for key, item in value.items()]}
    if is_dataclass(value) and NOUNS.get(type(value).__name__) is type(value):
        columns = {field.name: _plain(getattr(value, field.name), arrays) for field in fields(value)}
        return {"noun": type(value).__name__, "columns": columns}
    raise TypeError(
        f"a {type(value).__name__} cannot be sent to other processes; send arrays, numbers or words"
    )


def _rebuilt(plain: Any, arrays: list[np.ndarray]) -> Any:
    if not isinstance(plain, dict):
        return plain
    if "noun" in plain:
        columns = {name: _rebuilt(item, arrays) for name, item in plain["columns"].items()}
        return NOUNS[plain["noun"]](**columns)
    ((kind, content),) = plain.items()
    if kind == "array":
        return arrays[content]
    if kind == "path":
        return Path(content)
    if kind == "mapping":
        return {_rebuilt(key, arrays): _rebuilt(item, arrays) for key, item in content}
    items = [_rebuilt(item, arrays) for item in content]
    return tuple(items) if kind == "tuple" else items
