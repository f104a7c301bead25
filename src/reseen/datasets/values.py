"""Normalization of labels: `1`, `1.0` and `001` are the same number, `nan` and empty cells are missing values.

All readers normalize cameras, tracklets and identities by these functions, so that a camera has the same name in file
names, manifests, shards and arrays.
"""

import re
from collections.abc import Iterable

_MISSING = frozenset({"", "nan", "none", "null", "<na>"})
_WHOLE = re.compile(r"([+-]?)0*([0-9]+)(?:\.0*)?")
_CAMERA = re.compile(r"c?0*([0-9]+)(?:\.0*)?", re.IGNORECASE)


def label(value: object) -> str | None:
    """Normalize a value to text, with integers without leading zeros and decimals; None for missing values.

    Other text is only stripped of surrounding whitespace.

    Example:
        >>> [label(value) for value in (1, "01", "1.0", "-1.0", "cam 2", float("nan"))]
        ['1', '1', '1', '-1', 'cam 2', None]
    """
    text = "" if value is None else str(value).strip()
    if text.lower() in _MISSING:
        return None
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        return text
    return ("-" if whole[1] == "-" and whole[2] != "0" else "") + whole[2]


def tracklet_name(value: object) -> str | None:
    """Normalize the name of a tracklet by `label`; None (unknown) also for -1."""
    text = label(value)
    return None if text == "-1" else text


def camera_name(value: object) -> str | None:
    """Normalize the name of a camera: `c1` for `1`, `1.0`, `01`, `c1`, `c01` and `C1`; other names are unchanged.

    None (unknown) for -1 and missing values.
    """
    text = tracklet_name(value)
    if text is None:
        return None
    number = _CAMERA.fullmatch(text)
    return text if number is None else f"c{number[1]}"


def camera_names(values: Iterable[object]) -> list[str | None]:
    """Normalize a column of camera names by `camera_name`, with a cache."""
    normalized: dict[str, str | None] = {}
    names = []
    for value in values:
        text = str(value)
        if text not in normalized:
            normalized[text] = camera_name(value)
        names.append(normalized[text])
    return names
