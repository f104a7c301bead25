"""`Where.holds` has the last word on what an engine found.

Qdrant reads numbers of its own files with an error of up to one unit in the last place, so that an entry may fall on
the wrong side of a window's edge. It is asked for a window wider by as much, and what does not hold is dropped.
"""

import math
from collections.abc import Callable

from reseen.gallery.entries import Entries, Hit
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


def entries_that_hold(found: Entries, where: Where) -> Entries:
    """Those for which `where` holds, with their vectors."""
    places = [place for place, entry in enumerate(found.entries) if where.holds(entry)]
    if len(places) == len(found):
        return found
    return Entries([found.entries[place] for place in places], found.vectors[places])
