"""JSON with limits on size, depth and numbers, and checked against a type where the type is known.

The standard library's reader takes numbers of four thousand digits, which no array holds, and halves of surrogate
pairs, which no file takes; it ends in `RecursionError` where brackets are nested deep.
"""

from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from reseen.reading.regular import MOST_BYTES, read_regular

_LARGEST = 2**64
_T = TypeVar("_T")


def parse_json(content: bytes | str, most_bytes: int = MOST_BYTES) -> Any:
    """The value that a JSON text stands for: at most 200 levels deep, whole numbers of at most 64 bits.

    NaN and infinities are taken, since Python writes them.

    Raises:
        ValueError: it is no such text, has lone surrogates or more than `most_bytes`.
    """
    try:
        raw = content.encode("utf-8") if isinstance(content, str) else content
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair, which is no text") from None
    if len(raw) > most_bytes:
        raise ValueError(f"{len(raw):,} bytes, and at most {most_bytes:,} are read")
    value = from_json(raw)
    _check_numbers(value)
    return value


def read_json(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """`parse_json` of a file.

    Raises:
        OSError: the file is missing, cannot be read, or is no regular file.
        ValueError: as in `parse_json`.
    """
    return parse_json(read_regular(path, most_bytes), most_bytes)


def parse_as(kind: type[_T], content: bytes | str, most_bytes: int = MOST_BYTES) -> _T:
    """A JSON text as a value of a type, such as a dataclass; nothing is converted but lists to tuples.

    Raises:
        ValueError: as in `parse_json`, or a part is missing, of another type, or not known; says where.
    """
    values = parse_json(content, most_bytes)
    if is_dataclass(kind) and isinstance(values, dict):
        unknown = sorted(values.keys() - {field.name for field in fields(kind)})
        if unknown:
            raise ValueError(f"no part '{unknown[0][:100]}' is known")
    try:
        return _adapter(kind).validate_json(content, strict=True)
    except ValidationError as error:
        raise ValueError(_first_problem(error)) from None


def validate_as(kind: type[_T], values: Any) -> _T:
    """Values that `parse_json` gave as those of a pydantic model; nothing is converted.

    Raises:
        ValueError: a part is missing or of another type; says where.
    """
    try:
        return _adapter(kind).validate_python(values, strict=True)
    except ValidationError as error:
        raise ValueError(_first_problem(error)) from None


def read_json_as(kind: type[_T], path: Path, most_bytes: int = MOST_BYTES) -> _T:
    """`parse_as` of a file.

    Raises:
        OSError: the file is missing, cannot be read, or is no regular file.
        ValueError: as in `parse_as`.
    """
    return parse_as(kind, read_regular(path, most_bytes), most_bytes)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, problem["loc"]))[:100]
    return f"{place}: {problem['msg']}" if place else problem["msg"]


def _check_numbers(value: Any) -> None:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, int) and not -_LARGEST < one < _LARGEST:
            raise ValueError("a whole number of more than 64 bits")
