"""Questions on pairs of crops of the gallery, and the calibration that their answers give."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64

from reseen.audit import (
    AnsweredPairs,
    Calibration,
    PairPool,
    TrackletPairs,
    calibrate,
    choose_pair,
    plan_pool,
    with_clusters,
)
from reseen.audit.answers import Verdict
from reseen.audit.tracklet_pairs import NOTHING_KNOWN
from reseen.audit.tracklet_pairs import UNKNOWN as UNKNOWN_PAIR
from reseen.errors import DataError
from reseen.gallery.collection import Collection
from reseen.gallery.edits.edit import Edit
from reseen.geometry import unit
from reseen.records import Features, contiguous
from reseen.viewer.edits.editor import EditError, Editor
from reseen.viewer.viewer import Viewer

MAX_CROPS = 8000
"""Crops whose pairs are asked about; random ones of a larger gallery."""


@dataclass(frozen=True)
class QuestionState:
    """The next question and what the answers so far give."""

    version: int
    """Version of the snapshot that an answer refers to."""
    pair: tuple[int, int] | None
    """Rows of the two crops; None if there is nothing left to ask."""
    calibration: Calibration | None
    """None without sure answers."""
    sure: int
    """Number of answers `same` and `different` on crops of the gallery."""
    unsure: int
    """Number of answers `unsure`."""


class Questions:
    """Questions about a gallery. Answers are edits of `Editor`, so that they can be undone and outlive a crash."""

    def __init__(self, viewer: Viewer, editor: Editor) -> None:
        self._viewer, self._editor = viewer, editor
        self._pool: PairPool | None = None
        self._collection: Collection | None = None
        self._sample = np.empty(0, np.int64)
        self._tracklets = NOTHING_KNOWN
        self._calibrated = self._asked()

    def state(self) -> QuestionState:
        """The next question for the current clusters and answers; the same until one of them changes."""
        with self._viewer.lock:
            snapshot, asked = self._viewer.snapshot, self._asked()
            pool = self._current_pool(snapshot.collection)
            place = {int(row): index for index, row in enumerate(self._sample)}
            rows = snapshot.collection.rows
            known = [
                (_ordered(*(place[rows[key]] for key in edit.asked)), edit.kind)
                for edit in asked
                if all(key in rows and rows[key] in place for key in edit.asked)
            ]
            sure = {pair: kind == "same" for pair, kind in known if kind != "unsure"}
            unsure = {pair for pair, kind in known if kind == "unsure"} - sure.keys()
            if pool is None:
                return QuestionState(snapshot.version, None, None, len(sure), len(unsure))
            answered = self._answered(snapshot.collection, sure)
            pair = choose_pair(pool, answered, {*sure, *unsure}, self._order(snapshot.collection, pool))
            calibration = calibrate(pool, answered, np.random.default_rng(0)) if sure else None
            shown = None if pair is None else (int(self._sample[pair[0]]), int(self._sample[pair[1]]))
            return QuestionState(snapshot.version, shown, calibration, len(sure), len(unsure))

    def answer(self, version: int, keys: Sequence[str], verdict: Verdict) -> None:
        """Record the answer to the current question.

        Raises:
            StaleError: the clusters have changed since `version`.
            EditError: the two crops are not those of the current question.
            StorageError: the journal or the calibration cannot be written.
        """
        with self._viewer.lock:
            pair, known = self.state().pair, self._viewer.snapshot.collection.keys
            if version == self._viewer.snapshot.version and (
                pair is None or sorted(keys) != sorted(known[row] for row in pair)
            ):
                raise EditError("these crops are not those of the current question; reload the page")
            self._editor.answer(version, keys, verdict)

    def on_change(self) -> None:
        """Calibrate the gallery again if an answer was given, undone or redone; a callback for `Editor.on_change`."""
        with self._viewer.lock:
            asked = self._asked()
            if asked == self._calibrated:
                return
            self._viewer.gallery.recalibrate(self.state().calibration)
            self._calibrated = asked

    def _asked(self) -> list[Edit]:
        return [edit for edit in self._editor.done if edit.asked]

    def _current_pool(self, collection: Collection) -> PairPool | None:
        """The pool of the current vectors and clusters; None with fewer than two crops."""
        if self._collection is None or self._collection.vectors is not collection.vectors:
            generator = np.random.default_rng(0)
            self._sample = np.sort(generator.permutation(len(collection))[:MAX_CROPS])
            vectors = torch.from_numpy(collection.vectors[self._sample].astype(np.float32))
            try:
                clusters = contiguous(collection.clusters[self._sample])
                self._tracklets = _tracklet_pairs(collection, self._sample)
                self._pool = plan_pool(Features(unit(vectors)), clusters, tracklets=self._tracklets)
            except DataError:
                self._pool = None
        elif self._pool is not None and not np.array_equal(self._collection.clusters, collection.clusters):
            self._pool = with_clusters(self._pool, contiguous(collection.clusters[self._sample]))
        self._collection = collection
        return self._pool

    def _answered(self, collection: Collection, sure: dict[tuple[int, int], bool]) -> AnsweredPairs:
        pairs = np.array(list(sure), dtype=np.int64).reshape(-1, 2)
        same = np.array(list(sure.values()), dtype=bool)
        asked = self._tracklets.of(*pairs.T) == UNKNOWN_PAIR
        pairs, same = pairs[asked], same[asked]
        one, other = (collection.vectors[self._sample[column]].astype(np.float64) for column in pairs.T)
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        similarity = np.einsum("md,md->m", one, other) / np.maximum(lengths, 1e-12)
        cluster = collection.clusters[self._sample[pairs]]
        together = (cluster[:, 0] == cluster[:, 1]) & (cluster[:, 0] >= 0)
        return AnsweredPairs(similarity, together, same)

    def _order(self, collection: Collection, pool: PairPool) -> Int64[np.ndarray, " m"]:
        """Rank of each pair by its two cameras, then by cluster."""
        one, other = self._sample[pool.first], self._sample[pool.second]
        cameras = np.sort(np.stack([collection.cameras[one], collection.cameras[other]]), axis=0)
        rank = np.empty(len(one), dtype=np.int64)
        rank[np.lexsort((collection.clusters[one], cameras[1], cameras[0]))] = np.arange(len(one))
        return rank


def _tracklet_pairs(collection: Collection, sample: Int64[np.ndarray, " m"]) -> TrackletPairs:
    """What tracklets say of pairs of the sample. Tracklets, and times of a camera, are of one source only."""
    entries = [collection.entries[row] for row in sample.tolist()]
    numbers: dict[tuple[str, int | str], int] = {}

    def number(source: str, value: int | str | None) -> int:
        return -1 if value is None else numbers.setdefault((source, value), len(numbers))

    tracklets = np.array([number(entry.source, entry.tracklet) for entry in entries], dtype=np.int64)
    numbers.clear()
    cameras = np.array([number(entry.source, entry.camera) for entry in entries], dtype=np.int64)
    times = np.array([np.nan if entry.time is None else entry.time for entry in entries], dtype=np.float64)
    return TrackletPairs.of_crops(tracklets, cameras, times)


def _ordered(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)
