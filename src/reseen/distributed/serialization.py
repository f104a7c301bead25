"""Serialize values to bytes and back, to send them between processes without pickling."""

import json
import struct
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reseen.cluster import Clustering
from reseen.data.table import ImageTable
from reseen.records import PseudoLabels

RECORDS = {record.__name__: record for record in (Clustering, ImageTable, PseudoLabels)}
"""The dataclasses that can be sent, by name."""


def serialize(value: Any) -> bytes:
    """The bytes of a value: None, bool, int, float, str, Path, NumPy arrays and scalars, `RECORDS`, or containers.

    Containers are tuples, lists and dicts of these.

    Raises:
        TypeError: the value, or one inside it, has another type.

    Example:
        >>> deserialize(serialize({"labels": np.arange(3)}))
        {'labels': array([0, 1, 2])}
    """
    arrays: list[np.ndarray] = []
    header = json.dumps(
        {"value": _plain(value, arrays), "arrays": [_array_header(array) for array in arrays]}
    ).encode()
    return b"".join([struct.pack("<q", len(header)), header, *(array.tobytes() for array in arrays)])


def deserialize(packed: bytes) -> Any:
    """The value of `serialize`; arrays are writable copies, and NumPy scalars are Python's."""
    (length,) = struct.unpack_from("<q", packed)
    header = json.loads(packed[8 : 8 + length])
    arrays, start = [], 8 + length
    for kind, shape in header["arrays"]:
        count = int(np.prod(shape, dtype=np.int64))
        arrays.append(np.frombuffer(packed, np.dtype(kind), count, start).reshape(shape).copy())
        start += arrays[-1].nbytes
    return _restore(header["value"], arrays)


def _array_header(array: np.ndarray) -> tuple[str, tuple[int, ...]]:
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
    if is_dataclass(value) and RECORDS.get(type(value).__name__) is type(value):
        columns = {field.name: _plain(getattr(value, field.name), arrays) for field in fields(value)}
        return {"noun": type(value).__name__, "columns": columns}
    raise TypeError(
        f"a {type(value).__name__} cannot be sent to other processes; send arrays, numbers or strings"
    )


def _restore(plain: Any, arrays: list[np.ndarray]) -> Any:
    if not isinstance(plain, dict):
        return plain
    if "noun" in plain:
        columns = {name: _restore(item, arrays) for name, item in plain["columns"].items()}
        return RECORDS[plain["noun"]](**columns)
    ((kind, content),) = plain.items()
    if kind == "array":
        return arrays[content]
    if kind == "path":
        return Path(content)
    if kind == "mapping":
        return {_restore(key, arrays): _restore(item, arrays) for key, item in content}
    items = [_restore(item, arrays) for item in content]
    return tuple(items) if kind == "tuple" else items
