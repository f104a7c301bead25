"""Who stands where: the ranks of all right answers for every query, and the first few answers for some.

One rule for both. Taken out before ranking: junk (identity -1, everywhere) and, query by query, the gallery
images of the same person under the same camera. `UNKNOWN_CAMERA` equals no camera, not even itself.
Distractors (identity 0) stay and are wrong for everybody. Equal similarities: a wrong answer stands above a
right one, so the order of files cannot change a score and a constant encoder earns nothing.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from reseen.errors import DataError
from reseen.records import UNKNOWN_CAMERA, Features

JUNK = -1
"""The identity of a gallery image that is no proper crop; it is neither right nor wrong."""

DISTRACTOR = 0
"""The identity of people who are nobody's match."""

_BLOCK_ROWS = 256
"""Queries at a time, enough for a fast product: 16 MB at Market-1501, 0.5 GB at 516 k gallery images."""


@dataclass(frozen=True)
class RetrievalTask:
    """Queries, a gallery, and who is seen by which camera in both.

    Raises:
        DataError: lengths or embedding sizes do not fit, or an identity or camera is below -1.
    """

    query: Features
    gallery: Features
    query_identities: Int64[np.ndarray, " q"]
    query_cameras: Int64[np.ndarray, " q"]
    gallery_identities: Int64[np.ndarray, " g"]
    gallery_cameras: Int64[np.ndarray, " g"]

    def __post_init__(self) -> None:
        if self.query.raw != self.gallery.raw:
            raise DataError("query and gallery features must both be unit vectors, or both raw")
        sizes = self.query.vectors.shape[1], self.gallery.vectors.shape[1]
        if sizes[0] != sizes[1]:
            raise DataError(
                "query and gallery features must come from one encoder, "
                f"found {sizes[0]} and {sizes[1]} dimensions"
            )
        for side in ("query", "gallery"):
            identities, cameras = getattr(self, f"{side}_identities"), getattr(self, f"{side}_cameras")
            rows = len(getattr(self, side))
            if not rows == len(identities) == len(cameras):
                raise DataError(
                    f"{side}: one identity and one camera per feature row wanted, found "
                    f"{len(identities)} identities and {len(cameras)} cameras for {rows} rows"
                )
            if rows and int(identities.min()) < JUNK:
                raise DataError(
                    f"{side}: identities are 1 and up, {DISTRACTOR} for distractors, {JUNK} for junk; "
                    f"found {int(identities.min())}"
                )
            if rows and int(cameras.min()) < UNKNOWN_CAMERA:
                raise DataError(
                    f"{side}: cameras are 0 and up, {UNKNOWN_CAMERA} if unknown; found {int(cameras.min())}"
                )

    @cached_property
    def kept(self) -> Int64[np.ndarray, " g_kept"]:
        """Gallery rows that are not junk."""
        return np.flatnonzero(self.gallery_identities != JUNK)

    @cached_property
    def _answers(self) -> "_Answers":
        return _answers(self)

    @property
    def positive_counts(self) -> Int64[np.ndarray, " q"]:
        """Right answers that remain for each query; 0 where the query cannot be scored."""
        return np.diff(self._answers.offsets)

    @property
    def same_person_counts(self) -> Int64[np.ndarray, " q"]:
        """Gallery images of each query's person before those of the same camera are taken out."""
        return self._answers.stops - self._answers.starts


@dataclass(frozen=True)
class PositiveRanks:
    """Ranks (from 1, ascending) of the right answers; query q owns `ranks[offsets[q]:offsets[q + 1]]`."""

    ranks: Int64[np.ndarray, " m"]
    offsets: Int64[np.ndarray, " q_plus_1"]


@dataclass(frozen=True)
class Ranking:
    """The first answers to some queries, best first; a list that ran out is filled up with row -1.

    `query_rows`, `gallery_rows`: row numbers of the task. `similarities`: cosine, -1 to 1, or for raw features
    one less half the squared distance. `right`: the answer is the person asked for.
    """

    query_rows: Int64[np.ndarray, " r"]
    gallery_rows: Int64[np.ndarray, "r k"]
    similarities: Float32[np.ndarray, "r k"]
    right: Bool[np.ndarray, "r k"]


@dataclass(frozen=True)
class _Answers:
    """Gallery rows (junk left out) grouped by identity, and each query's place among the groups."""

    order: Int64[np.ndarray, " g"]
    cameras: Int64[np.ndarray, " g"]
    starts: Int64[np.ndarray, " q"]
    stops: Int64[np.ndarray, " q"]
    offsets: Int64[np.ndarray, " q_plus_1"]


def rank_positives(task: RetrievalTask) -> PositiveRanks:
    """The rank of every right answer to every query, in blocks of queries: one product, then counting."""
    from reseen.evaluate.counting import write_ranks  # the compiler starts only when something is evaluated

    answers, gallery = task._answers, _kept_gallery(task)
    ranks = np.empty(int(answers.offsets[-1]), dtype=np.int64)
    shared = (answers.starts, answers.stops, answers.order, answers.cameras, answers.offsets, ranks)
    rows = max(1, min(len(task.query), _BLOCK_ROWS))
    block = torch.empty((rows, len(gallery)))
    threads, cameras = torch.get_num_threads(), np.ascontiguousarray(task.query_cameras, dtype=np.int64)
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(task.query) if len(ranks) else 0, rows):
            queries = task.query.vectors[first : first + rows]
            similarities = _similarities(queries, gallery, task.query.raw, block[: len(queries)]).numpy()
            edges = np.linspace(0, len(queries), threads + 1).astype(int)
            jobs = [
                pool.submit(write_ranks, similarities, start, stop, first, cameras, *shared)
                for start, stop in pairwise(edges)
            ]
            for job in jobs:
                job.result()
    return PositiveRanks(ranks=ranks, offsets=answers.offsets)


def top_ranked(task: RetrievalTask, query_rows: Int64[np.ndarray, " r"], count: int = 10) -> Ranking:
    """The first `count` answers to the chosen queries, ranked by the rules that score them."""
    shape = (len(query_rows), count)
    rows, right = np.full(shape, -1, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
    similarities = np.zeros(shape, dtype=np.float32)
    gallery = _kept_gallery(task)
    identities, cameras = task.gallery_identities[task.kept], task.gallery_cameras[task.kept]
    for place, query in enumerate(query_rows):
        person, camera = task.query_identities[query], task.query_cameras[query]
        asked = task.query.vectors[query : query + 1]
        row = _similarities(asked, gallery, task.query.raw, torch.empty((1, len(gallery)))).numpy()[0]
        same_person = (identities == person) & (person > DISTRACTOR)
        same_camera = (cameras == camera) & (camera != UNKNOWN_CAMERA)
        allowed = np.flatnonzero(~(same_person & same_camera))
        best = allowed[np.lexsort((same_person[allowed], -row[allowed]))[:count]]
        rows[place, : len(best)] = task.kept[best]
        similarities[place, : len(best)] = row[best]
        right[place, : len(best)] = same_person[best]
    return Ranking(np.asarray(query_rows, dtype=np.int64), rows, similarities, right)


def _similarities(
    queries: Float32[Tensor, "b d"],
    gallery: Float32[Tensor, "g d"],
    raw: bool,
    out: Float32[Tensor, "b g"],
) -> Float32[Tensor, "b g"]:
    """Cosine of unit rows; for raw rows what equals it on the sphere, one less half the squared distance."""
    torch.mm(queries, gallery.T, out=out)
    if raw:
        out -= gallery.square().sum(1)[None, :] / 2
        out += 1 - queries.square().sum(1)[:, None] / 2
    return out


def _kept_gallery(task: RetrievalTask) -> Float32[Tensor, "g d"]:
    """The gallery without junk; no copy where there is none."""
    vectors = task.gallery.vectors
    return vectors if len(task.kept) == len(vectors) else vectors[torch.from_numpy(task.kept)]


def _answers(task: RetrievalTask) -> _Answers:
    identities, cameras = task.gallery_identities[task.kept], task.gallery_cameras[task.kept]
    order = np.lexsort((cameras, identities))
    identities, cameras = identities[order], cameras[order]
    starts = np.searchsorted(identities, task.query_identities, side="left")
    stops = np.searchsorted(identities, task.query_identities, side="right")
    stops = np.where(task.query_identities > DISTRACTOR, stops, starts)
    # Identity and camera as one sortable number; cameras are small, -1 included.
    spread = 2 + max(
        (int(values.max()) for values in (cameras, task.query_cameras) if len(values)), default=0
    )
    pairs, asked = identities * spread + cameras, task.query_identities * spread + task.query_cameras
    same_camera = np.searchsorted(pairs, asked, side="right") - np.searchsorted(pairs, asked, side="left")
    same_camera[task.query_cameras == UNKNOWN_CAMERA] = 0
    positives = np.maximum(stops - starts - same_camera, 0)
    offsets = np.concatenate([[0], np.cumsum(positives)]).astype(np.int64)
    return _Answers(order, cameras.astype(np.int64), starts.astype(np.int64), stops.astype(np.int64), offsets)
