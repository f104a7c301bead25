"""`Where.holds` has the last word on what an engine found.

Qdrant reads numbers of its own files with an error of up to one unit in the last place, so that an entry may fall on
the wrong side of a window's edge. It is asked for a window wider by as much, and what does not hold is dropped.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reseen.gallery.entries import Entries, Hit
from reseen.gallery.stores.payload import from_payload
from reseen.gallery.where import Where


def wider(after: float | None, before: float | None) -> tuple[float | None, float | None]:
    """A window that is wider by two units in the last place on either side."""
    return (
        None if after is None else math.nextafter(math.nextafter(after, -math.inf), -math.inf),
        None if before is None else math.nextafter(math.nextafter(before, math.inf), math.inf),
    )


def hits_that_hold(ask: Callable[[int], list[Hit]], top: int, where: Where) -> list[Hit]:
    """The first `top` hits for which `where` holds; `ask` gives as many of the nearest as it is told."""
    wanted = top
    while True:
        found = ask(wanted)
        kept = [hit for hit in found if where.holds(hit.entry)]
        if len(kept) >= top or len(found) < wanted:
            return kept[:top]
        wanted *= 2


def records_that_hold(records: Sequence[Any], where: Where) -> Entries | None:
    """Qdrant's records as entries with their vectors, those for which `where` holds; None where it holds for none."""
    held = [
        (entry, record.vector)
        for record in records
        if where.holds(entry := from_payload(record.payload or {}))
    ]
    if not held:
        return None
    return Entries([entry for entry, _ in held], np.array([vector for _, vector in held], dtype=np.float32))
