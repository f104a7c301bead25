"""A JSON reader with limits on size, nesting depth and integers, and optional validation against a type.

The standard library's parser accepts integers of thousands of digits, which no array can hold, and lone surrogates,
which no file can store; it raises `RecursionError` on deeply nested input.
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
    """Parse JSON of at most 200 levels and integers of at most 64 bits.

    NaN and infinities are accepted, because Python's `json` writes them.

    Raises:
        ValueError: the text is not valid JSON, has lone surrogates, or is longer than `most_bytes`.
    """
    try:
        raw = content.encode("utf-8") if isinstance(content, str) else content
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate, which is not valid text") from None
    if len(raw) > most_bytes:
        raise ValueError(f"{len(raw):,} bytes, and at most {most_bytes:,} are read")
    value = from_json(raw)
    _check_numbers(value)
    return value


def read_json(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """Read a file by `parse_json`.

    Raises:
        OSError: the file is missing, cannot be read, or is not a regular file.
        ValueError: as in `parse_json`.
    """
    return parse_json(read_regular(path, most_bytes), most_bytes)


def parse_as(kind: type[_T], content: bytes | str, most_bytes: int = MOST_BYTES) -> _T:
    """Parse JSON as an instance of a type, such as a dataclass; nothing is converted except lists to tuples.

    Raises:
        ValueError: as in `parse_json`, or a field is missing, has the wrong type, or is unknown; names the field.

    Example:
        >>> parse_as(dict[str, int], '{"seed": 0}')
        {'seed': 0}
    """
    values = parse_json(content, most_bytes)
    if is_dataclass(kind) and isinstance(values, dict):
        unknown = sorted(values.keys() - {field.name for field in fields(kind)})
        if unknown:
            raise ValueError(f"unknown field '{unknown[0][:100]}'")
    try:
        return _adapter(kind).validate_json(content, strict=True)
    except ValidationError as error:
        raise ValueError(_first_problem(error)) from None


def validate_as(kind: type[_T], values: Any) -> _T:
    """Validate values returned by `parse_json` as an instance of a type, without conversions.

    Raises:
        ValueError: a field is missing or has the wrong type; names the field.
    """
    try:
        return _adapter(kind).validate_python(values, strict=True)
    except ValidationError as error:
        raise ValueError(_first_problem(error)) from None


def read_json_as(kind: type[_T], path: Path, most_bytes: int = MOST_BYTES) -> _T:
    """Read a file by `parse_as`.

    Raises:
        OSError: the file is missing, cannot be read, or is not a regular file.
        ValueError: as in `parse_as`.
    """
    return parse_as(kind, read_regular(path, most_bytes), most_bytes)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, problem["loc"]))[:100]
    return f"{field}: {problem['msg']}" if field else problem["msg"]


def _check_numbers(value: Any) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, int) and not -_LARGEST < item < _LARGEST:
            raise ValueError("a whole number of more than 64 bits")
