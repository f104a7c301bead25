"""What a `Filter` asks of a database: the same normalize_filter without the empty and the impossible.

`Filter.holds` has the last word on what an engine found.

Qdrant reads numbers of its own files with an error of up to one unit in the last place, so that an entry may fall on
the wrong side of a window's edge. It is asked for a window wider_filter by as much, and what does not hold is dropped.
"""

import math
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reseen.gallery.entries import Entries, Hit
from reseen.gallery.filter import Filter
from reseen.gallery.stores.payload import from_payload

_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class NormalizedFilter:
    """NormalizedFilter that must all hold, as every database can say them. No list is empty."""

    keys: list[str] | None
    words: dict[str, list[str]]
    """Of `source`, `image` and `camera`: the values allowed."""
    numbers: dict[str, list[int]]
    """Of `cluster` and `tracklet`: the values allowed."""
    not_cameras: list[str]
    """Cameras to leave out; none where it is empty."""
    after: float | None
    before: float | None

    @property
    def everything(self) -> bool:
        """True when there is no condition."""
        window = self.after is None and self.before is None
        return self.keys is None and not self.words and not self.numbers and not self.not_cameras and window


def normalize_filter(where: Filter) -> NormalizedFilter | None:
    """The normalize_filter of `where`; None where no entry can fulfil them."""
    keys = None if where.keys is None else [key for key in where.keys if _is_key(key)]
    words = {"source": where.sources, "image": where.images, "camera": where.cameras}
    numbers = {"cluster": where.clusters, "tracklet": where.tracklets}
    allowed_words = {
        name: [word for word in values if storable(word)]
        for name, values in words.items()
        if values is not None
    }
    allowed_numbers = {
        name: [number for number in values if abs(number) <= _LARGEST]
        for name, values in numbers.items()
        if values is not None
    }
    if (
        (keys is not None and not keys)
        or not all(allowed_words.values())
        or not all(allowed_numbers.values())
    ):
        return None
    not_cameras = [camera for camera in where.not_cameras or () if storable(camera)]
    return NormalizedFilter(keys, allowed_words, allowed_numbers, not_cameras, *where.window)


def storable(word: str) -> bool:
    """Whether databases can hold a word: no null character and no half of a surrogate pair."""
    return "\0" not in word and not any("\ud800" <= letter <= "\udfff" for letter in word)


def _is_key(key: str) -> bool:
    """Whether an entry can have this key; databases would also take other spellings of it."""
    try:
        return str(uuid.UUID(key)) == key
    except ValueError:
        return False


def wider_filter(after: float | None, before: float | None) -> tuple[float | None, float | None]:
    """A window that is wider_filter by two units in the last place on either side."""
    return (
        None if after is None else math.nextafter(math.nextafter(after, -math.inf), -math.inf),
        None if before is None else math.nextafter(math.nextafter(before, math.inf), math.inf),
    )


def matching_hits(ask: Callable[[int], list[Hit]], top: int, where: Filter) -> list[Hit]:
    """The first `top` hits for which `where` holds; `ask` gives as many of the nearest as it is told."""
    wanted = top
    while True:
        found = ask(wanted)
        kept = [hit for hit in found if where.matches(hit.entry)]
        if len(kept) >= top or len(found) < wanted:
            return kept[:top]
        wanted *= 2


def matching_records(records: Sequence[Any], where: Filter) -> Entries | None:
    """Qdrant's records as entries with their vectors, those for which `where` holds; None where it holds for none."""
    held = [
        (entry, record.vector)
        for record in records
        if where.matches(entry := from_payload(record.payload or {}))
    ]
    if not held:
        return None
    return Entries([entry for entry, _ in held], np.array([vector for _, vector in held], dtype=np.float32))
