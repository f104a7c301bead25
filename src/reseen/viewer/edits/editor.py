"""Cluster edits with undo and redo; each is written to the journal first, then applied to the store."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

from reseen.audit.answers import Verdict
from reseen.errors import ReseenError
from reseen.gallery.copies import record_copy
from reseen.viewer.clusters import Cluster
from reseen.viewer.collection import NOISE
from reseen.viewer.edits.journal import Edit, Journal, Kind
from reseen.viewer.edits.pair_constraints import hard_negative_pairs, planned_answers, save_answers
from reseen.viewer.viewer import Snapshot, Viewer

_MAX_MARKED = 12
"""Crops that can be marked as different people at once, which makes 66 pairs."""


class EditError(Exception):
    """An invalid edit; the message is shown to the user."""


class StaleError(EditError):
    """An edit of an outdated version of the clusters."""


class Editor:
    """Edits the clusters of one running viewer.

    Every edit takes the version of the snapshot it refers to. It raises `StaleError` if that is not the current one and
    `EditError` if the edit is invalid. `StorageError`: the journal or the store cannot be written, and nothing changes.
    """

    def __init__(self, viewer: Viewer, journal: Journal) -> None:
        """Apply the edits of the journal that the store lacks after a crash or a later `reseen index`.

        Raises:
            StorageError: the store or the journal cannot be written.
        """
        self.viewer, self._journal = viewer, journal
        self.on_change: list[Callable[[], None]] = []
        """Callbacks for when an edit was made, undone or redone."""
        self._catch_up()
        self.files: list[Path] = []
        """Answer files with the pair constraints of all edits."""
        self._save()

    @property
    def file(self) -> Path:
        """The journal file."""
        return self._journal.file

    @property
    def done(self) -> list[Edit]:
        """Edits in effect, oldest first."""
        return self._journal.history.done

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to undo."""
        return self._journal.history.can_undo

    @property
    def undone(self) -> list[Edit]:
        """Undone edits; the next one to redo is last."""
        return self._journal.history.undone

    def merge(self, version: int, numbers: Sequence[int]) -> int:
        """Merge clusters into the largest and return its number; implies must-links of their most central crops."""
        with self.viewer.lock:
            snapshot = self._check_version(version)
            clusters = [self._cluster(snapshot, number) for number in dict.fromkeys(numbers)]
            if len(clusters) < 2:
                raise EditError("select at least two clusters to merge")
            into = max(clusters, key=lambda cluster: (cluster.size, -cluster.number))
            others = [cluster for cluster in clusters if cluster is not into]
            rows = [row for cluster in others for row in cluster.rows.tolist()]
            centers = tuple(_central_key(snapshot, cluster) for cluster in (into, *others))
            names = " and ".join(str(cluster.number) for cluster in others)
            words = f"merged {_plural(len(others), 'cluster')} {names} into {into.number}"
            self._apply(snapshot, "merge", words, _keys(snapshot, rows), into.number, (centers,), ())
            return into.number

    def split(self, version: int, keys: Sequence[str]) -> int:
        """Split crops of one cluster off as a new cluster and return its number.

        Implies must-links between these crops, and cannot-links between the first of them and the remaining crops of
        the cluster (the most central one and the most similar ones).
        """
        with self.viewer.lock:
            snapshot = self._check_version(version)
            rows = self._rows(snapshot, keys)
            origins = set(snapshot.collection.clusters[rows].tolist())
            if len(origins) > 1:
                raise EditError("cannot split crops of several clusters at once; move them instead")
            origin = origins.pop()
            number = snapshot.clusters.free_number
            remaining = self._other_rows(snapshot, origin, rows)
            if origin >= 0 and not remaining:
                raise EditError("cannot split off all crops of a cluster; deselect one, or move them instead")
            different = hard_negative_pairs(snapshot.collection, rows, remaining)
            source = f"cluster {origin}" if origin >= 0 else "no cluster"
            words = f"split {_crops(rows)} off {source} as cluster {number}"
            self._apply(snapshot, "split", words, keys, number, (tuple(keys),), different)
            return number

    def move(self, version: int, keys: Sequence[str], to: int) -> int:
        """Move crops into the cluster `to`, or out of all clusters if it is `NOISE`, and return `to`.

        Implies must-links with the most central crop of that cluster, and cannot-links with that of each previous one.
        """
        with self.viewer.lock:
            snapshot = self._check_version(version)
            rows = [row for row in self._rows(snapshot, keys) if snapshot.collection.clusters[row] != to]
            if not rows:
                raise EditError("these crops are already there")
            moved = _keys(snapshot, rows)
            same: tuple[tuple[str, ...], ...] = ()
            if to != NOISE:
                same = ((_central_key(snapshot, self._cluster(snapshot, to)), *moved),)
            different: list[tuple[str, str]] = []
            for origin in sorted({int(snapshot.collection.clusters[row]) for row in rows}):
                remaining = self._other_rows(snapshot, origin, rows)
                if origin >= 0 and remaining:
                    moved_from = [row for row in rows if snapshot.collection.clusters[row] == origin]
                    different += [
                        (key, snapshot.collection.keys[remaining[0]]) for key in _keys(snapshot, moved_from)
                    ]
            target = f"into cluster {to}" if to != NOISE else "out of all clusters"
            self._apply(snapshot, "move", f"moved {_crops(rows)} {target}", moved, to, same, tuple(different))
            return to

    def mark_same(self, version: int, keys: Sequence[str]) -> None:
        """Mark crops as one person (must-link) without changing clusters."""
        with self.viewer.lock:
            snapshot = self._check_version(version)
            if len(rows := self._rows(snapshot, keys)) < 2:
                raise EditError("select at least two crops of one person")
            self._apply(
                snapshot, "same", f"marked {_crops(rows)} as one person", (), None, (tuple(keys),), ()
            )

    def mark_different(self, version: int, keys: Sequence[str]) -> None:
        """Mark 2 to 12 crops as pairwise different people (cannot-link) without changing clusters."""
        with self.viewer.lock:
            snapshot = self._check_version(version)
            if not 2 <= len(rows := self._rows(snapshot, keys)) <= _MAX_MARKED:
                raise EditError(f"select 2 to {_MAX_MARKED} crops, each of a different person")
            words, pairs = f"marked {_crops(rows)} as different people", tuple(combinations(keys, 2))
            self._apply(snapshot, "different", words, (), None, (), pairs)

    def mark_clusters_different(self, version: int, numbers: Sequence[int]) -> None:
        """Mark two clusters as different people: a cannot-link between their most central crops."""
        with self.viewer.lock:
            snapshot = self._check_version(version)
            if len(set(numbers)) != 2:
                raise EditError("select two clusters of different people")
            one, other = (_central_key(snapshot, self._cluster(snapshot, number)) for number in numbers)
            words = f"marked clusters {numbers[0]} and {numbers[1]} as different people"
            self._apply(snapshot, "different", words, (), None, (), ((one, other),))

    def reject_assignment(self, version: int, key: str, other: int) -> None:
        """Mark a crop as not belonging to cluster `other`: a cannot-link with its most central crop."""
        with self.viewer.lock:
            snapshot = self._check_version(version)
            self._rows(snapshot, [key])
            pair = (key, _central_key(snapshot, self._cluster(snapshot, other)))
            self._apply(
                snapshot, "different", f"marked a crop as not in cluster {other}", (), None, (), (pair,)
            )

    def answer(self, version: int, keys: Sequence[str], verdict: Verdict) -> None:
        """Answer a question on two crops: a must-link, a cannot-link, or neither; clusters do not change."""
        with self.viewer.lock:
            snapshot = self._check_version(version)
            if len(self._rows(snapshot, keys)) != 2:
                raise EditError("a question is on two crops")
            pair, words = (keys[0], keys[1]), f"answered a question: {verdict}"
            same = (pair,) if verdict == "same" else ()
            different = (pair,) if verdict == "different" else ()
            self._apply(snapshot, verdict, words, (), None, same, different, asked=pair)

    def undo(self, version: int) -> Edit:
        """Undo the last edit and return it."""
        with self.viewer.lock:
            self._check_version(version)
            if not self.can_undo:
                raise EditError("there is nothing to undo")
            edit = self.done[-1]
            self._change(self._journal.undo, edit.before)
            return edit

    def redo(self, version: int) -> Edit:
        """Redo the last undone edit and return it."""
        with self.viewer.lock:
            self._check_version(version)
            if not self.undone:
                raise EditError("there is nothing to redo")
            edit = self.undone[-1]
            self._change(self._journal.redo, edit.after)
            return edit

    def on_deletion(self) -> None:
        """Rewrite the answer files without deleted crops; a callback for `Viewer.on_drop`."""
        with self.viewer.lock:
            self._save()

    def _apply(
        self,
        snapshot: Snapshot,
        kind: Kind,
        words: str,
        keys: Sequence[str],
        cluster: int | None,
        same: tuple[tuple[str, ...], ...],
        different: tuple[tuple[str, str], ...],
        *,
        asked: tuple[str, ...] = (),
    ) -> None:
        before = {key: snapshot.collection.entries[snapshot.collection.rows[key]].cluster for key in keys}
        after = dict.fromkeys(keys, cluster)
        time = datetime.now(UTC).isoformat(timespec="seconds")
        same = tuple(group for group in same if len(group) > 1)
        edit = Edit(kind, time, words, before, after, same, different, asked)
        self._change(lambda: self._journal.do(edit), after)

    def _change(self, record: Callable[[], None], changes: Mapping[str, int | None]) -> None:
        record()
        try:
            self.viewer.recluster(changes)
        except ReseenError:
            self._journal.cancel()
            raise
        self._save()

    def _save(self) -> None:
        collection = self.viewer.snapshot.collection
        for source, file in planned_answers(self._journal.file, self.done, collection).items():
            record_copy(self.viewer.address, "answers", file, source=source)
        self.files = save_answers(self._journal.file, self.done, collection)
        for callback in self.on_change:
            callback()

    def _catch_up(self) -> None:
        """Apply the journal to the store, unless its crops were reclustered since the last edit."""
        collection = self.viewer.snapshot.collection
        missing = self._journal.history.missing_changes(
            {key: entry.cluster for key, entry in zip(collection.keys, collection.entries, strict=True)}
        )
        if missing is None:
            self._journal.mark_reclustered()
        elif missing:
            self.viewer.recluster(missing)

    def _check_version(self, version: int) -> Snapshot:
        snapshot = self.viewer.snapshot
        if version != snapshot.version:
            raise StaleError(
                "The clusters have changed meanwhile (in another tab or through the API), so nothing was done. Check "
                "the current clusters and try again."
            )
        return snapshot

    def _cluster(self, snapshot: Snapshot, number: int) -> Cluster:
        if number not in snapshot.clusters:
            raise EditError(f"there is no cluster {number}")
        return snapshot.clusters[number]

    def _rows(self, snapshot: Snapshot, keys: Sequence[str]) -> list[int]:
        if not keys:
            raise EditError("select some crops first")
        missing = [key for key in keys if key not in snapshot.collection.rows]
        if missing or len(set(keys)) < len(keys):
            raise EditError("some of these crops are not in the gallery, or are listed twice")
        return [snapshot.collection.rows[key] for key in keys]

    def _other_rows(self, snapshot: Snapshot, number: int, rows: Sequence[int]) -> list[int]:
        """Rows of a cluster other than `rows`, most central first; none for outliers."""
        if number not in snapshot.clusters:
            return []
        excluded = set(rows)
        return [row for row in snapshot.clusters[number].rows.tolist() if row not in excluded]


def _central_key(snapshot: Snapshot, cluster: Cluster) -> str:
    return snapshot.collection.keys[int(cluster.rows[0])]


def _keys(snapshot: Snapshot, rows: Sequence[int]) -> list[str]:
    return [snapshot.collection.keys[row] for row in rows]


def _crops(rows: Sequence[int]) -> str:
    return f"{len(rows)} {_plural(len(rows), 'crop')}"


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
