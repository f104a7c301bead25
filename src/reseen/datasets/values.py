"""One rule for labels as people write them: `1`, `1.0` and `001` are one number, `nan` and an empty cell are nothing.

Every reader passes cameras, tracklets and identities through these functions, so that a camera has one name whether it
was read from a file name, a manifest, a shard or an array.
"""

import re
from collections.abc import Iterable

_NOTHING = frozenset({"", "nan", "none", "null", "<na>"})
_WHOLE = re.compile(r"([+-]?)0*([0-9]+)(?:\.0*)?")
_CAMERA = re.compile(r"c?0*([0-9]+)(?:\.0*)?", re.IGNORECASE)


def label(value: object) -> str | None:
    """A value as text: a whole number without leading zeros and decimals; None for an empty cell and for `nan`.

    `1`, `1.0`, `01` and the number 1 are `1`; `-1.0` is `-1`; other text stays as it is, without spaces around it.
    """
    text = "" if value is None else str(value).strip()
    if text.lower() in _NOTHING:
        return None
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        return text
    return ("-" if whole[1] == "-" and whole[2] != "0" else "") + whole[2]


def tracklet_name(value: object) -> str | None:
    """A tracklet's name by `label`; None, unknown, also for -1."""
    text = label(value)
    return None if text == "-1" else text


def camera_name(value: object) -> str | None:
    """A camera's name: `c1` for `1`, `1.0`, `01`, `c1`, `c01` and `C1`; other names as they are.

    None, an unknown camera, for -1, `nan` and nothing.
    """
    text = tracklet_name(value)
    if text is None:
        return None
    number = _CAMERA.fullmatch(text)
    return text if number is None else f"c{number[1]}"


def camera_names(values: Iterable[object]) -> list[str | None]:
    """The name of every camera of a column by `camera_name`."""
    known: dict[str, str | None] = {}
    names = []
    for value in values:
        written = str(value)
        if written not in known:
            known[written] = camera_name(value)
        names.append(known[written])
    return names
