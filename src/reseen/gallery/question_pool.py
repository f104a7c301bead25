"""The pairs of a gallery's crops that questions are about, and the calibration from the answers of its journal.

Only keys of crops and verdicts are kept. Similarity and cluster of an answered pair are those that its two crops have
now, so that answers hold for other clusters, and for the vectors of another model.
"""

from collections.abc import Iterable

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
from reseen.gallery.edits.edit import Edit, PairAnswer
from reseen.geometry import unit
from reseen.records import Features, contiguous

MAX_CROPS = 8000
"""Crops whose pairs are asked about; random ones of a larger gallery."""


def question_answers(edits: Iterable[Edit]) -> list[PairAnswer]:
    """All answers to questions of the edits in effect, oldest first."""
    return [answer for edit in edits for answer in edit.answers]


def calibrate_gallery(collection: Collection, edits: Iterable[Edit]) -> Calibration | None:
    """The calibration of the crops of a gallery from the answers among the edits in effect.

    Returns:
        None without a sure answer on crops that are there; else the same for the same crops and answers.
    """
    answers = question_answers(edits)
    return QuestionPool(collection).calibrate(answers) if answers else None


class QuestionPool:
    """The most similar pairs of a gallery's crops, or of a sample of them, with what is answered of each.

    Pairs are given by places in the sample, the smaller one first.
    """

    def __init__(self, collection: Collection, previous: "QuestionPool | None" = None) -> None:
        """Plan the pairs; those of `previous` are used again if it has the same crops, but for their clusters."""
        self.sample: Int64[np.ndarray, " m"]
        """Row of each crop in the collection, ascending."""
        self.pairs: PairPool | None
        """None with fewer than two crops."""
        if previous is not None and previous.collection.vectors is collection.vectors:
            self.sample, self.pairs, self._tracklets = previous.sample, previous.pairs, previous._tracklets
            changed = not np.array_equal(previous.collection.clusters, collection.clusters)
            if self.pairs is not None and changed:
                self.pairs = with_clusters(self.pairs, contiguous(collection.clusters[self.sample]))
        else:
            order = np.random.default_rng(0).permutation(len(collection))
            self.sample = np.sort(order[:MAX_CROPS])
            self._tracklets = NOTHING_KNOWN
            self.pairs = self._plan(collection)
        self.collection = collection
        self._places = {collection.keys[int(row)]: place for place, row in enumerate(self.sample)}

    def _plan(self, collection: Collection) -> PairPool | None:
        """The pairs, and what tracklets say of them."""
        vectors = torch.from_numpy(collection.vectors[self.sample].astype(np.float32))
        try:
            clusters = contiguous(collection.clusters[self.sample])
            self._tracklets = _tracklet_pairs(collection, self.sample)
            return plan_pool(Features(unit(vectors)), clusters, tracklets=self._tracklets)
        except DataError:
            return None

    def verdicts(self, answers: Iterable[PairAnswer]) -> dict[tuple[int, int], Verdict]:
        """What is answered of each pair of the sample: the last sure answer, or else `unsure`."""
        found: dict[tuple[int, int], Verdict] = {}
        for one, other, verdict in answers:
            if one in self._places and other in self._places:
                first, second = sorted((self._places[one], self._places[other]))
                if verdict != "unsure" or (first, second) not in found:
                    found[first, second] = verdict
        return found

    def calibrate(self, answers: Iterable[PairAnswer]) -> Calibration | None:
        """The calibration from answers; None without a sure one on crops of the sample."""
        verdicts = self.verdicts(answers)
        if self.pairs is None or all(verdict == "unsure" for verdict in verdicts.values()):
            return None
        return calibrate(self.pairs, self._answered(verdicts), np.random.default_rng(0))

    def next_pair(self, answers: Iterable[PairAnswer]) -> tuple[int, int] | None:
        """Rows in the collection of the pair whose answer helps most; None if there is nothing left to ask."""
        if self.pairs is None:
            return None
        verdicts = self.verdicts(answers)
        pair = choose_pair(self.pairs, self._answered(verdicts), verdicts.keys(), self._order(self.pairs))
        return None if pair is None else (int(self.sample[pair[0]]), int(self.sample[pair[1]]))

    def _answered(self, verdicts: dict[tuple[int, int], Verdict]) -> AnsweredPairs:
        """Sure answers on pairs of which tracklets say nothing, as the crops are now."""
        sure = {pair: verdict == "same" for pair, verdict in verdicts.items() if verdict != "unsure"}
        pairs = np.array(list(sure), dtype=np.int64).reshape(-1, 2)
        same = np.array(list(sure.values()), dtype=bool)
        asked = self._tracklets.of(*pairs.T) == UNKNOWN_PAIR
        pairs, same = pairs[asked], same[asked]
        vectors = self.collection.vectors
        one, other = (vectors[self.sample[column]].astype(np.float64) for column in pairs.T)
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        similarity = np.einsum("md,md->m", one, other) / np.maximum(lengths, 1e-12)
        cluster = self.collection.clusters[self.sample[pairs]]
        together = (cluster[:, 0] == cluster[:, 1]) & (cluster[:, 0] >= 0)
        return AnsweredPairs(similarity, together, same)

    def _order(self, pairs: PairPool) -> Int64[np.ndarray, " m"]:
        """Rank of each pair by its two cameras, then by cluster."""
        collection = self.collection
        one, other = self.sample[pairs.first], self.sample[pairs.second]
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
