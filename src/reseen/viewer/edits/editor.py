"""Merge, split, move, mark; undo and redo: first noted in the journal, then done in the store."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

from reseen.errors import ReseenError
from reseen.gallery.copies import record_copy
from reseen.viewer.clusters import Cluster
from reseen.viewer.collection import NOISE
from reseen.viewer.edits.edit import Edit, Kind
from reseen.viewer.edits.journal import Journal
from reseen.viewer.edits.statements import planned_answers, save_answers
from reseen.viewer.viewer import Snapshot, Viewer

_AT_RISK = 20
"""So many crops of the rest of a cluster are told apart from crops that were split off: the most similar ones."""
_MOST_MARKED = 12
"""Crops that are told apart from each other at once; they make 66 pairs."""


class EditError(Exception):
    """A mend that makes no sense; the message says why."""


class StaleError(EditError):
    """The clusters have changed since the page was made on which the mend was asked for."""


class Editor:
    """The mends of one running viewer, each asked for on a version of the clusters and refused on any other."""

    def __init__(self, viewer: Viewer, journal: Journal) -> None:
        """Do in the store what the journal says and a crash, or a later `reseen index`, has not left there.

        Raises:
            StorageError: the store or the journal cannot be written.
        """
        self.viewer, self._journal = viewer, journal
        self._catch_up()
        self.files: list[Path] = []
        """Files of answers that hold what was said."""
        self._save()

    @property
    def file(self) -> Path:
        """The journal."""
        return self._journal.file

    @property
    def done(self) -> list[Edit]:
        """Mends in force, the first one first."""
        return self._journal.history.done

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back."""
        return self._journal.history.can_undo

    @property
    def undone(self) -> list[Edit]:
        """What can be done again, the next one last."""
        return self._journal.history.undone

    def merge(self, version: int, numbers: Sequence[int]) -> int:
        """Make clusters one, which gets the number of the largest; returns that.

        Says that their most central crops show one person.
        """
        with self.viewer.lock:
            now = self._now(version)
            parts = [self._cluster(now, number) for number in dict.fromkeys(numbers)]
            if len(parts) < 2:
                raise EditError("choose two clusters or more to merge")
            into = max(parts, key=lambda part: (part.size, -part.number))
            others = [part for part in parts if part is not into]
            rows = [row for part in others for row in part.rows.tolist()]
            centers = tuple(_central(now, part) for part in (into, *others))
            names = " and ".join(str(part.number) for part in others)
            words = f"merged {_plural(len(others), 'cluster')} {names} into {into.number}"
            self._do(now, "merge", words, _keys(now, rows), into.number, (centers,), ())
            return into.number

    def split(self, version: int, keys: Sequence[str]) -> int:
        """Make crops of one cluster a cluster of their own and return its number.

        Says that they show one person, whom the other crops of the cluster do not show.
        """
        with self.viewer.lock:
            now = self._now(version)
            rows = self._rows(now, keys)
            homes = set(now.collection.clusters[rows].tolist())
            if len(homes) > 1:
                raise EditError("crops of several clusters cannot be split off at once; move them instead")
            home = homes.pop()
            number = now.clusters.free_number
            rest = self._rest(now, home, rows)
            if home >= 0 and not rest:
                raise EditError(
                    "these are all crops of the cluster; leave one out, or move them to another one"
                )
            apart = self._apart(now, rows, rest)
            source = f"cluster {home}" if home >= 0 else "no cluster"
            words = f"split {_crops(rows)} off {source} as cluster {number}"
            self._do(now, "split", words, keys, number, (tuple(keys),), apart)
            return number

    def move(self, version: int, keys: Sequence[str], to: int) -> int:
        """Put crops into a cluster, or into none with `NOISE`, and return its number.

        Says that they show the person of that cluster, and not that of the clusters where they were.
        """
        with self.viewer.lock:
            now = self._now(version)
            rows = [row for row in self._rows(now, keys) if now.collection.clusters[row] != to]
            if not rows:
                raise EditError("these crops are there already")
            moved = _keys(now, rows)
            same: tuple[tuple[str, ...], ...] = ()
            if to != NOISE:
                same = ((_central(now, self._cluster(now, to)), *moved),)
            apart: list[tuple[str, str]] = []
            for home in sorted({int(now.collection.clusters[row]) for row in rows}):
                rest = self._rest(now, home, rows)
                if home >= 0 and rest:
                    left = [row for row in rows if now.collection.clusters[row] == home]
                    apart += [(key, now.collection.keys[rest[0]]) for key in _keys(now, left)]
            where = f"into cluster {to}" if to != NOISE else "out of all clusters"
            self._do(now, "move", f"moved {_crops(rows)} {where}", moved, to, same, tuple(apart))
            return to

    def same(self, version: int, keys: Sequence[str]) -> None:
        """Say that crops show one person; clusters stay as they are."""
        with self.viewer.lock:
            now = self._now(version)
            if len(rows := self._rows(now, keys)) < 2:
                raise EditError("choose two crops or more that show one person")
            self._do(now, "same", f"marked {_crops(rows)} as one person", (), None, (tuple(keys),), ())

    def different(self, version: int, keys: Sequence[str]) -> None:
        """Say that of some crops no two show one person; clusters stay as they are."""
        with self.viewer.lock:
            now = self._now(version)
            if not 2 <= len(rows := self._rows(now, keys)) <= _MOST_MARKED:
                raise EditError(f"choose 2 to {_MOST_MARKED} crops, each of another person")
            pairs = tuple(combinations(keys, 2))
            self._do(now, "different", f"marked {_crops(rows)} as different people", (), None, (), pairs)

    def apart(self, version: int, numbers: Sequence[int]) -> None:
        """Say that two clusters are two people, by their most central crops."""
        with self.viewer.lock:
            now = self._now(version)
            if len(set(numbers)) != 2:
                raise EditError("choose two clusters that are two people")
            one, other = (_central(now, self._cluster(now, number)) for number in numbers)
            words = f"marked clusters {numbers[0]} and {numbers[1]} as different people"
            self._do(now, "different", words, (), None, (), ((one, other),))

    def stays(self, version: int, key: str, other: int) -> None:
        """Say that a crop is not the person of another cluster, by the most central crop of that."""
        with self.viewer.lock:
            now = self._now(version)
            self._rows(now, [key])
            pair = (key, _central(now, self._cluster(now, other)))
            self._do(now, "different", f"marked a crop as not of cluster {other}", (), None, (), (pair,))

    def undo(self, version: int) -> Edit:
        """Take the last mend back."""
        with self.viewer.lock:
            self._now(version)
            if not self.can_undo:
                raise EditError("there is nothing to undo")
            edit = self.done[-1]
            self._change(self._journal.undo, edit.before)
            return edit

    def redo(self, version: int) -> Edit:
        """Do again what was undone last."""
        with self.viewer.lock:
            self._now(version)
            if not self.undone:
                raise EditError("there is nothing to redo")
            edit = self.undone[-1]
            self._change(self._journal.redo, edit.after)
            return edit

    def forgotten(self) -> None:
        """Write the answers without crops that are gone; to be called when entries were deleted."""
        with self.viewer.lock:
            self._save()

    def _do(
        self,
        now: Snapshot,
        kind: Kind,
        words: str,
        keys: Sequence[str],
        cluster: int | None,
        same: tuple[tuple[str, ...], ...],
        different: tuple[tuple[str, str], ...],
    ) -> None:
        before = {key: now.collection.entries[now.collection.rows[key]].cluster for key in keys}
        after = dict.fromkeys(keys, cluster)
        time = datetime.now(UTC).isoformat(timespec="seconds")
        same = tuple(group for group in same if len(group) > 1)
        edit = Edit(kind, time, words, before, after, same, different)
        self._change(lambda: self._journal.do(edit), after)

    def _change(self, note: Callable[[], None], changes: Mapping[str, int | None]) -> None:
        note()
        try:
            self.viewer.recluster(changes)
        except ReseenError:
            self._journal.cancel()
            raise
        self._save()

    def _save(self) -> None:
        collection = self.viewer.now.collection
        for source, file in planned_answers(self._journal.file, self.done, collection).items():
            record_copy(self.viewer.address, "answers", file, source=source)
        self.files = save_answers(self._journal.file, self.done, collection)

    def _catch_up(self) -> None:
        """Bring the store to where the journal is, unless its crops were clustered anew meanwhile."""
        history, collection = self._journal.history, self.viewer.now.collection
        is_now = {
            key: collection.entries[collection.rows[key]].cluster
            for key in history.passed()
            if key in collection.rows
        }
        if any(is_now[key] not in clusters for key, clusters in history.passed().items() if key in is_now):
            self._journal.begin_anew()
            return
        behind = {key: to for key, to in history.wanted().items() if key in is_now and is_now[key] != to}
        if behind:
            self.viewer.recluster(behind)

    def _now(self, version: int) -> Snapshot:
        now = self.viewer.now
        if version != now.version:
            raise StaleError(
                "The clusters were changed meanwhile, in another tab or by a program, so nothing was done. This is how "
                "they are now: look again."
            )
        return now

    def _cluster(self, now: Snapshot, number: int) -> Cluster:
        if number not in now.clusters:
            raise EditError(f"there is no cluster {number}")
        return now.clusters[number]

    def _rows(self, now: Snapshot, keys: Sequence[str]) -> list[int]:
        if not keys:
            raise EditError("choose some crops first")
        missing = [key for key in keys if key not in now.collection.rows]
        if missing or len(set(keys)) < len(keys):
            raise EditError("some of these crops are not in the gallery, or are named twice")
        return [now.collection.rows[key] for key in keys]

    def _rest(self, now: Snapshot, home: int, rows: Sequence[int]) -> list[int]:
        """The other crops of a cluster, the most central first; none for noise."""
        if home not in now.clusters:
            return []
        taken = set(rows)
        return [row for row in now.clusters[home].rows.tolist() if row not in taken]

    def _apart(self, now: Snapshot, rows: Sequence[int], rest: Sequence[int]) -> tuple[tuple[str, str], ...]:
        """The first of some crops against the center of the rest and those of the rest that it is most like."""
        vectors = now.collection.vectors
        order = sorted(rest, key=lambda row: -float(vectors[row] @ vectors[rows[0]]))
        against = dict.fromkeys([*rest[:1], *order[:_AT_RISK]])
        return tuple((now.collection.keys[rows[0]], now.collection.keys[row]) for row in against)


def _central(now: Snapshot, cluster: Cluster) -> str:
    return now.collection.keys[int(cluster.rows[0])]


def _keys(now: Snapshot, rows: Sequence[int]) -> list[str]:
    return [now.collection.keys[row] for row in rows]


def _crops(rows: Sequence[int]) -> str:
    return f"{len(rows)} {_plural(len(rows), 'crop')}"


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
