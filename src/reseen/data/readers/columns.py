"""From the names people give to the numbers a table holds."""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from jaxtyping import Int64


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sorting key that puts `cam2` before `cam10`."""
    parts = re.split(r"([0-9]+)", name)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def number(
    names: Sequence[str | None], known: Iterable[str] = ()
) -> tuple[Int64[np.ndarray, " n"], tuple[str, ...]]:
    """Index names in natural order, together with those in `known`; None becomes -1."""
    ordered = tuple(sorted({name for name in names if name is not None}.union(known), key=natural))
    position = {name: index for index, name in enumerate(ordered)}
    return np.array([-1 if name is None else position[name] for name in names], dtype=np.int64), ordered


def number_tracklets(
    names: Sequence[str | None], cameras: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Index tracklets; the same name under two cameras is two tracklets."""
    joined = [
        None if name is None else f"{camera}\0{name}" for name, camera in zip(names, cameras, strict=True)
    ]
    return number(joined)[0]


def number_people(names: Sequence[str]) -> list[int]:
    """Numbers of people: whole numbers keep their value; other names count from 1, but `-1` stays (leave it out)."""
    try:
        return np.array([int(name) for name in names], dtype=np.int64).tolist()
    except (ValueError, OverflowError):
        people, _ = number([None if name == "-1" else name for name in names])
        return np.where(people >= 0, people + 1, people).tolist()  # 0 is the identity of distractors


def seconds(text: str | None) -> float:
    """A time in seconds: a number as it is, or an ISO 8601 date and time; NaN for nothing.

    Raises:
        ValueError: neither of the two.
    """
    if text is None:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()
