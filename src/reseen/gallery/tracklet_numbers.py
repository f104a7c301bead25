"""Tracklet numbers of crops that are indexed: those that the gallery has, and for new tracklets numbers that are free.

A table numbers its tracklets from 0, so the tables of two manifests of one folder, or of one that has grown, differ in
their numbers. In a gallery a tracklet is a number within a source, and must stay one.
"""

from collections import Counter
from dataclasses import replace

import numpy as np

from reseen.data.table import UNKNOWN_TRACKLET, ImageTable
from reseen.gallery.entries import Entry
from reseen.gallery.filter import Filter
from reseen.gallery.store import Store

_PART = 10_000
"""Keys or numbers that are looked up at once."""


def renumber_tracklets(store: Store, table: ImageTable) -> ImageTable:
    """The table with the tracklet numbers of a gallery; the table itself if none differs.

    A tracklet with crops in the gallery keeps the number that most of them have there. A new one keeps its own number
    if no other tracklet of the source has it, else it gets the next one above all of them.

    Args:
        store: the store of the gallery.
        table: the crops to index; `root` is their source.

    Raises:
        StorageError: the store cannot be read.
    """
    if table.tracklets is None or not len(table) or not store.describe().count:
        return table
    source = str(table.root)
    numbers = table.tracklets.tolist()
    own = {Entry(source, image).key: number for image, number in zip(table.texts, numbers, strict=True)}
    tracklets = [number for number in dict.fromkeys(numbers) if number != UNKNOWN_TRACKLET]
    chosen = _kept(_votes(store, own))
    taken = set(chosen.values()) | _numbers_of_others(store, source, tracklets, own)
    new = [number for number in tracklets if number not in chosen]
    chosen |= {number: number for number in new if number not in taken}
    if clashing := [number for number in new if number in taken]:
        first = max([_highest(store, source), *tracklets]) + 1
        chosen |= {number: first + place for place, number in enumerate(clashing)}
    if all(chosen[number] == number for number in tracklets):
        return table
    renumbered = [chosen.get(number, UNKNOWN_TRACKLET) for number in numbers]
    return replace(table, tracklets=np.array(renumbered, dtype=np.int64))


def _votes(store: Store, own: dict[str, int]) -> Counter[tuple[int, int]]:
    """Number of crops of each tracklet of the table with each number in the gallery."""
    votes: Counter[tuple[int, int]] = Counter()
    keys = list(own)
    for start in range(0, len(keys), _PART):
        for batch in store.scan(Filter(keys=tuple(keys[start : start + _PART]))):
            votes.update(
                (own[entry.key], entry.tracklet)
                for entry in batch.entries
                if entry.tracklet is not None and own[entry.key] != UNKNOWN_TRACKLET
            )
    return votes


def _kept(votes: Counter[tuple[int, int]]) -> dict[int, int]:
    """Number in the gallery of each tracklet that has one; each number is given once, to the tracklet of most crops."""
    kept: dict[int, int] = {}
    given: set[int] = set()
    for (tracklet, number), _ in sorted(votes.items(), key=lambda item: (-item[1], item[0])):
        if tracklet not in kept and number not in given:
            kept[tracklet] = number
            given.add(number)
    return kept


def _numbers_of_others(store: Store, source: str, tracklets: list[int], own: dict[str, int]) -> set[int]:
    """Which of these numbers crops have that are not in the table."""
    found: set[int] = set()
    for start in range(0, len(tracklets), _PART):
        where = Filter(sources=(source,), tracklets=tuple(tracklets[start : start + _PART]))
        for batch in store.scan(where):
            found |= {
                entry.tracklet
                for entry in batch.entries
                if entry.tracklet is not None and entry.key not in own
            }
    return found


def _highest(store: Store, source: str) -> int:
    """The highest tracklet number of a source; -1 if it has none."""
    numbers = (entry.tracklet for batch in store.scan(Filter(sources=(source,))) for entry in batch.entries)
    return max((number for number in numbers if number is not None), default=-1)
