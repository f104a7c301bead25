"""Edits of clusters and people with undo and redo; each is written to the journal first, then applied to the store."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import TypeVar

from reseen.audit.answers import Verdict
from reseen.errors import GalleryError, ReseenError, SettingsError
from reseen.gallery.collection import NOISE
from reseen.gallery.deletion_log import deleted_keys
from reseen.gallery.edits.edit import Edit, Kind
from reseen.gallery.edits.journal import Journal
from reseen.gallery.edits.pair_constraints import hard_negative_pairs, publish_answers
from reseen.gallery.people.consequences import ANCHORS, people_of_clusters
from reseen.gallery.people.people import People
from reseen.viewer.edits.selected import (
    EditError,
    StaleError,
    central_key,
    cluster_of,
    count_crops,
    keys_of,
    other_rows,
    plural,
    rows_of,
)
from reseen.viewer.viewer import Snapshot, Viewer

Result = TypeVar("Result")

_MAX_MARKED = 12
"""Crops that can be marked as different people at once, which makes 66 pairs."""


class Editor:
    """Edits the clusters and people of one running viewer.

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
        self.people = People(
            journal, lambda: viewer.snapshot.collection, viewer.recluster, self._on_people, keep=False
        )
        """The people of the gallery; change them by `edit_people`."""
        if missing := journal.catch_up(viewer.snapshot.collection.cluster_by_key):
            viewer.recluster(missing)
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
            clusters = [cluster_of(snapshot, number) for number in dict.fromkeys(numbers)]
            if len(clusters) < 2:
                raise EditError("select at least two clusters to merge")
            into = max(clusters, key=lambda cluster: (cluster.size, -cluster.number))
            others = [cluster for cluster in clusters if cluster is not into]
            rows = [row for cluster in others for row in cluster.rows.tolist()]
            centers = tuple(central_key(snapshot, cluster) for cluster in (into, *others))
            names = " and ".join(str(cluster.number) for cluster in others)
            words = f"merged {plural(len(others), 'cluster')} {names} into {into.number}"
            anchors = [key for one in clusters for key in keys_of(snapshot, one.rows[:ANCHORS].tolist())]
            moved = keys_of(snapshot, rows)
            self._apply(snapshot, "merge", words, moved, into.number, (centers,), (), anchors=anchors)
            return into.number

    def split(self, version: int, keys: Sequence[str]) -> int:
        """Split crops of one cluster off as a new cluster and return its number.

        Implies must-links between these crops, and cannot-links between the first of them and the remaining crops of
        the cluster (the most central one and the most similar ones).
        """
        with self.viewer.lock:
            snapshot = self._check_version(version)
            rows = rows_of(snapshot, keys)
            origins = set(snapshot.collection.clusters[rows].tolist())
            if len(origins) > 1:
                raise EditError("cannot split crops of several clusters at once; move them instead")
            origin = origins.pop()
            number = snapshot.clusters.free_number
            remaining = other_rows(snapshot, origin, rows)
            if origin >= 0 and not remaining:
                raise EditError("cannot split off all crops of a cluster; deselect one, or move them instead")
            different = hard_negative_pairs(snapshot.collection, rows, remaining)
            source = f"cluster {origin}" if origin >= 0 else "no cluster"
            words = f"split {count_crops(rows)} off {source} as cluster {number}"
            self._apply(snapshot, "split", words, keys, number, (tuple(keys),), different)
            return number

    def move(self, version: int, keys: Sequence[str], to: int) -> int:
        """Move crops into the cluster `to`, or out of all clusters if it is `NOISE`, and return `to`.

        Implies must-links with the most central crop of that cluster, and cannot-links with that of each previous one.
        """
        with self.viewer.lock:
            snapshot = self._check_version(version)
            rows = [row for row in rows_of(snapshot, keys) if snapshot.collection.clusters[row] != to]
            if not rows:
                raise EditError("these crops are already there")
            moved = keys_of(snapshot, rows)
            same: tuple[tuple[str, ...], ...] = ()
            if to != NOISE:
                same = ((central_key(snapshot, cluster_of(snapshot, to)), *moved),)
            different: list[tuple[str, str]] = []
            for origin in sorted({int(snapshot.collection.clusters[row]) for row in rows}):
                remaining = other_rows(snapshot, origin, rows)
                if origin >= 0 and remaining:
                    moved_from = [row for row in rows if snapshot.collection.clusters[row] == origin]
                    different += [
                        (key, snapshot.collection.keys[remaining[0]]) for key in keys_of(snapshot, moved_from)
                    ]
            target = f"into cluster {to}" if to != NOISE else "out of all clusters"
            self._apply(
                snapshot, "move", f"moved {count_crops(rows)} {target}", moved, to, same, tuple(different)
            )
            return to

    def mark_same(self, version: int, keys: Sequence[str]) -> None:
        """Mark crops as one person (must-link) without changing clusters."""
        with self.viewer.lock:
            snapshot = self._check_version(version)
            if len(rows := rows_of(snapshot, keys)) < 2:
                raise EditError("select at least two crops of one person")
            self._apply(
                snapshot, "same", f"marked {count_crops(rows)} as one person", (), None, (tuple(keys),), ()
            )

    def mark_different(self, version: int, keys: Sequence[str]) -> None:
        """Mark 2 to 12 crops as pairwise different people (cannot-link) without changing clusters."""
        with self.viewer.lock:
            snapshot = self._check_version(version)
            if not 2 <= len(rows := rows_of(snapshot, keys)) <= _MAX_MARKED:
                raise EditError(f"select 2 to {_MAX_MARKED} crops, each of a different person")
            words, pairs = f"marked {count_crops(rows)} as different people", tuple(combinations(keys, 2))
            self._apply(snapshot, "different", words, (), None, (), pairs)

    def mark_clusters_different(self, version: int, numbers: Sequence[int]) -> None:
        """Mark two clusters as different people: a cannot-link between their most central crops."""
        with self.viewer.lock:
            snapshot = self._check_version(version)
            if len(set(numbers)) != 2:
                raise EditError("select two clusters of different people")
            one, other = (central_key(snapshot, cluster_of(snapshot, number)) for number in numbers)
            words = f"marked clusters {numbers[0]} and {numbers[1]} as different people"
            self._apply(snapshot, "different", words, (), None, (), ((one, other),))

    def reject_assignment(self, version: int, key: str, other: int) -> None:
        """Mark a crop as not belonging to cluster `other`: a cannot-link with its most central crop."""
        with self.viewer.lock:
            snapshot = self._check_version(version)
            rows_of(snapshot, [key])
            pair = (key, central_key(snapshot, cluster_of(snapshot, other)))
            self._apply(
                snapshot, "different", f"marked a crop as not in cluster {other}", (), None, (), (pair,)
            )

    def answer(self, version: int, keys: Sequence[str], verdict: Verdict) -> None:
        """Answer a question on two crops: a must-link, a cannot-link, or neither; clusters do not change."""
        with self.viewer.lock:
            snapshot = self._check_version(version)
            if len(rows_of(snapshot, keys)) != 2:
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

    def edit_people(self, version: int, edit: Callable[[People], Result]) -> Result:
        """Call `edit` with the people, to change them once; its result is returned.

        Raises:
            StaleError: the snapshot is another one by now, and nothing was done.
            EditError: the edit is invalid.

        Example:
            >>> editor.edit_people(version, lambda people: people.rename(12, "Anna"))
        """
        with self.viewer.lock:
            self._check_version(version)
            try:
                return edit(self.people)
            except (GalleryError, SettingsError) as error:
                raise EditError(str(error)) from None

    def on_deletion(self) -> None:
        """Rewrite journal and answer files without deleted crops; a callback for `Viewer.on_drop`."""
        with self.viewer.lock:
            self._journal.forget(deleted_keys(self.viewer.address))
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
        anchors: Sequence[str] | None = None,
    ) -> None:
        before = {key: snapshot.collection.entries[snapshot.collection.rows[key]].cluster for key in keys}
        after = dict.fromkeys(keys, cluster)
        time = datetime.now(UTC).isoformat(timespec="seconds")
        same = tuple(group for group in same if len(group) > 1)
        with self._journal.writing():
            people = None
            if keys:
                rows = [snapshot.collection.rows[key] for key in keys]
                others = None
                if cluster is not None and cluster != NOISE:
                    others = keys_of(snapshot, other_rows(snapshot, cluster, rows))
                free = self._journal.free_person
                people = people_of_clusters(self._journal.people, free, keys, others, anchors)
            edit = Edit(kind, time, words, before, after, same, different, asked, people)
            self._change(lambda: self._journal.do(edit), after)

    def _on_people(self, _: Edit) -> None:
        self.viewer.recluster({})  # a new version
        self._save()

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
        self.files = publish_answers(self.viewer.address, self._journal.file, self.done, collection)
        for callback in self.on_change:
            callback()

    def _check_version(self, version: int) -> Snapshot:
        snapshot = self.viewer.snapshot
        if version != snapshot.version:
            raise StaleError(
                "Clusters or people have changed meanwhile (in another tab or through the API), so nothing was done. "
                "Check how they are now and try again."
            )
        return snapshot
