"""Filters in a form that every database can express, and the exact re-check of what a database returns.

Qdrant reads float fields back with an error of up to one unit in the last place, so that an entry may end up on the
wrong side of a window's edge. Therefore it is queried with a window widened by two units, and each hit is re-checked by
`Filter.matches`.
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
    """Conditions that must all hold, without values that no entry can have; lists of allowed values are not empty."""

    keys: list[str] | None
    """Allowed keys; None for any."""
    texts: dict[str, list[str]]
    """Allowed values by field: `source`, `image`, `camera`."""
    numbers: dict[str, list[int]]
    """Allowed values by field: `cluster`, `tracklet`."""
    not_cameras: list[str]
    """Excluded cameras; may be empty."""
    after: float | None
    """Earliest time in seconds, inclusive; None if open."""
    before: float | None
    """Latest time in seconds, exclusive; None if open."""

    @property
    def everything(self) -> bool:
        """Whether there is no condition, so that all entries match."""
        window = self.after is None and self.before is None
        return self.keys is None and not self.texts and not self.numbers and not self.not_cameras and window


def normalize_filter(where: Filter) -> NormalizedFilter | None:
    """Normalize a filter; None if no entry can match it."""
    keys = None if where.keys is None else [key for key in where.keys if _is_key(key)]
    texts = {"source": where.sources, "image": where.images, "camera": where.cameras}
    numbers = {"cluster": where.clusters, "tracklet": where.tracklets}
    allowed_texts = {
        name: [text for text in values if is_storable(text)]
        for name, values in texts.items()
        if values is not None
    }
    allowed_numbers = {
        name: [number for number in values if abs(number) <= _LARGEST]
        for name, values in numbers.items()
        if values is not None
    }
    if (
        (keys is not None and not keys)
        or not all(allowed_texts.values())
        or not all(allowed_numbers.values())
    ):
        return None
    not_cameras = [camera for camera in where.not_cameras or () if is_storable(camera)]
    return NormalizedFilter(keys, allowed_texts, allowed_numbers, not_cameras, *where.window)


def is_storable(text: str) -> bool:
    """Whether databases can store a text: no null character and no unpaired surrogate."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _is_key(key: str) -> bool:
    """Whether a key is a UUID in canonical form; databases would also accept other spellings."""
    try:
        return str(uuid.UUID(key)) == key
    except ValueError:
        return False


def widen_window(after: float | None, before: float | None) -> tuple[float | None, float | None]:
    """A time window widened by two units in the last place at either end."""
    return (
        None if after is None else math.nextafter(math.nextafter(after, -math.inf), -math.inf),
        None if before is None else math.nextafter(math.nextafter(before, math.inf), math.inf),
    )


def matching_hits(fetch: Callable[[int], list[Hit]], top: int, where: Filter) -> list[Hit]:
    """The first `top` hits that match `where`.

    Args:
        fetch: returns the given number of nearest hits, fewer only if there are no more.
        top: number of hits.
        where: the filter that each hit is re-checked against.
    """
    limit = top
    while True:
        hits = fetch(limit)
        matching = [hit for hit in hits if where.matches(hit.entry)]
        if len(matching) >= top or len(hits) < limit:
            return matching[:top]
        limit *= 2


def matching_records(records: Sequence[Any], where: Filter) -> Entries | None:
    """Qdrant records that match `where`, as entries with vectors; None if none matches."""
    matching = [
        (entry, record.vector)
        for record in records
        if where.matches(entry := from_payload(record.payload or {}))
    ]
    if not matching:
        return None
    return Entries(
        [entry for entry, _ in matching], np.array([vector for _, vector in matching], dtype=np.float32)
    )
