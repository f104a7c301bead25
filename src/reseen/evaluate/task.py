"""Queries, a gallery, and who may be an answer to whom: what every score starts from.

One rule for all scores. Taken out before ranking: junk (identity -1, everywhere) and, query by query, the gallery
images of the same person under the same camera. `UNKNOWN_CAMERA` equals no camera, not even itself. Distractors
(identity 0) stay and are wrong for everybody.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from reseen.errors import DataError
from reseen.evaluate.matches import DISTRACTOR, JUNK, Matches, find_matches
from reseen.records import UNKNOWN_CAMERA, Features

ZERO = "identity 0, kept as wrong answers"
"""What a score says of distractors, where they have the identity 0."""

_BLOCK_ROWS = 256
"""Queries at a time, enough for a fast product: 16 MB at Market-1501, 0.5 GB at 516 k gallery images."""


class Similarities(Protocol):
    """Similarities that are no plain products, such as re-ranked ones; columns are the kept gallery rows."""

    block_rows: int
    """Queries at a time that memory allows."""

    def fill(self, start: int, stop: int, out: Float32[Tensor, "b g"]) -> None:
        """Write the rows of queries `start` to `stop`; higher is nearer."""
        ...


@dataclass(frozen=True)
class Preparation:
    """What was done to features before they are ranked. A score states it."""

    mirrored: bool = False
    """Features are means over a crop and its mirror image."""

    tracklets: str = "none"
    """How frames became one vector per tracklet."""

    queries_in_gallery: bool = False
    """The queries stand in the gallery, too."""

    query_expansion: str = "none"
    """How queries took in their first answers."""

    reranking: str = "none"
    """How similarities were changed by shared neighbors."""


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
    preparation: Preparation = Preparation()
    similarities: Similarities | None = None
    """What ranks instead of products of features."""
    notes: tuple[str, ...] = ()
    """Sentences on the data that a score of this task states."""
    distractors: str = ZERO
    """What the identity 0 was, in words."""

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
    def kept_gallery(self) -> Float32[Tensor, "g_kept d"]:
        """The gallery without junk; no copy where there is none."""
        vectors = self.gallery.vectors
        return vectors if len(self.kept) == len(vectors) else vectors[torch.from_numpy(self.kept)]

    @cached_property
    def answers(self) -> Matches:
        """Where each query's right answers are among the kept rows."""
        return find_matches(
            self.query_identities,
            self.query_cameras,
            self.gallery_identities[self.kept],
            self.gallery_cameras[self.kept],
        )

    @property
    def positive_counts(self) -> Int64[np.ndarray, " q"]:
        """Right answers that remain for each query; 0 where the query cannot be scored."""
        return self.answers.counts

    @property
    def same_person_counts(self) -> Int64[np.ndarray, " q"]:
        """Gallery images of each query's person before those of the same camera are taken out."""
        return self.answers.stops - self.answers.starts

    def right_and_removed(
        self, query: int
    ) -> tuple[Bool[np.ndarray, " g_kept"], Bool[np.ndarray, " g_kept"]]:
        """Of the kept rows: those with the query's person, and those of them that the query's camera took."""
        person, camera = self.query_identities[query], self.query_cameras[query]
        same_person = (self.gallery_identities[self.kept] == person) & (person > DISTRACTOR)
        same_camera = (self.gallery_cameras[self.kept] == camera) & (camera != UNKNOWN_CAMERA)
        return same_person, same_person & same_camera

    def fill(self, start: int, stop: int, out: Float32[Tensor, "b g"]) -> None:
        """Write the similarities of queries `start` to `stop` with the kept gallery; higher is nearer.

        Cosine of unit rows; for raw rows what equals it on the sphere, one less half the squared distance.
        """
        if self.similarities is not None:
            self.similarities.fill(start, stop, out)
            return
        queries, gallery = self.query.vectors[start:stop], self.kept_gallery
        torch.mm(queries, gallery.T, out=out)
        if self.query.raw:
            out -= gallery.square().sum(1)[None, :] / 2
            out += 1 - queries.square().sum(1)[:, None] / 2


def similarity_blocks(task: RetrievalTask) -> Iterator[tuple[int, Float32[np.ndarray, "b g"]]]:
    """The first query of a block, and its rows of similarities; each block is written over the last one."""
    limit = _BLOCK_ROWS if task.similarities is None else min(_BLOCK_ROWS, task.similarities.block_rows)
    rows = max(1, min(len(task.query), limit))
    block = torch.empty((rows, len(task.kept)))
    for first in range(0, len(task.query), rows):
        part = block[: min(rows, len(task.query) - first)]
        task.fill(first, first + len(part), part)
        yield first, part.numpy()
