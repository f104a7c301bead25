"""The retrieval task that every score starts from: queries and a gallery with ground truth.

All scores share one rule of filtering. Removed before ranking are junk (identity -1) and, for each query, the gallery
images of the same person under the same camera. `UNKNOWN_CAMERA` equals no camera, not even itself. Distractors
(identity 0) stay and match no query.
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
from reseen.geometry import as_features
from reseen.records import UNKNOWN_CAMERA, Features, as_array

JUNK = -1
"""The identity of junk, such as a bad detection: ignored, neither a correct nor a wrong match."""

DISTRACTOR = 0
"""The identity of distractors, which match no query."""


@dataclass(frozen=True)
class Matches:
    """Gallery rows without junk, grouped by identity, and the group of each query."""

    order: Int64[np.ndarray, " g"]
    """Gallery rows sorted by identity, then camera."""
    cameras: Int64[np.ndarray, " g"]
    """The cameras of `order`."""
    starts: Int64[np.ndarray, " q"]
    """Start in `order` of the group of the query's identity."""
    stops: Int64[np.ndarray, " q"]
    """End (exclusive) of that group."""
    offsets: Int64[np.ndarray, " q_plus_1"]
    """Cumulative number of correct matches, as in CSR: query q owns `offsets[q]` to `offsets[q + 1]`."""

    @property
    def counts(self) -> Int64[np.ndarray, " q"]:
        """Correct matches of each query."""
        return np.diff(self.offsets)


def find_matches(
    query_identities: Int64[np.ndarray, " q"],
    query_cameras: Int64[np.ndarray, " q"],
    gallery_identities: Int64[np.ndarray, " g"],
    gallery_cameras: Int64[np.ndarray, " g"],
) -> Matches:
    """Group the gallery by identity; the same person under the query's own camera is not a correct match."""
    order = np.lexsort((gallery_cameras, gallery_identities))
    identities, cameras = gallery_identities[order], gallery_cameras[order]
    starts = np.searchsorted(identities, query_identities, side="left")
    stops = np.searchsorted(identities, query_identities, side="right")
    stops = np.where(query_identities > DISTRACTOR, stops, starts)
    # Identity and camera as one sortable number; cameras are small, -1 included.
    base = 2 + max((int(values.max()) for values in (cameras, query_cameras) if len(values)), default=0)
    keys, query_keys = identities * base + cameras, query_identities * base + query_cameras
    same_camera = np.searchsorted(keys, query_keys, side="right") - np.searchsorted(
        keys, query_keys, side="left"
    )
    same_camera[query_cameras == UNKNOWN_CAMERA] = 0
    positives = np.maximum(stops - starts - same_camera, 0)
    offsets = np.concatenate([[0], np.cumsum(positives)]).astype(np.int64)
    return Matches(order, cameras.astype(np.int64), starts.astype(np.int64), stops.astype(np.int64), offsets)


ZERO = "identity 0, kept as wrong answers"
"""How a score describes distractors with the identity 0."""

_BLOCK_ROWS = 256
"""Queries per block, enough for a fast product: 16 MB on Market-1501, 0.5 GB with 516,000 gallery images."""


class Similarities(Protocol):
    """Similarities other than inner products, such as re-ranked ones; columns are the kept gallery rows."""

    block_rows: int
    """Queries per block that fit into the memory limit."""

    def fill(self, start: int, stop: int, out: Float32[Tensor, "b g"]) -> None:
        """Write the similarities of queries `start` to `stop` (exclusive) into `out`; higher is more similar."""
        ...


@dataclass(frozen=True)
class Preparation:
    """Processing of the features before ranking, recorded in the score."""

    mirrored: bool = False
    """Features are means over a crop and its mirror image."""

    whitened: bool = False
    """Features are whitened within clusters of the training crops."""

    tracklets: str = "none"
    """Pooling of frames to tracklets."""

    camera_centering: str = "none"
    """What was subtracted from the vectors of each camera."""

    queries_in_gallery: bool = False
    """Queries are included in the gallery."""

    query_expansion: str = "none"
    """Query expansion and its settings."""

    reranking: str = "none"
    """Re-ranking and its settings."""


@dataclass(frozen=True)
class RetrievalTask:
    """Query and gallery features with the identity and the camera of every row.

    Features that are a matrix (an array, a tensor on any device, or lists) are scaled to unit rows; identities and
    cameras may also be tensors or lists.

    Raises:
        DataError: features are no matrix of finite numbers, lengths or dimensions do not match, one side is raw, or an
            identity or camera is below -1.

    Example:
        >>> task = RetrievalTask(query, gallery, query_identities, query_cameras, gallery_identities, gallery_cameras)
        >>> reseen.evaluate.score(task).mean_average_precision
    """

    query: Features
    gallery: Features
    query_identities: Int64[np.ndarray, " q"]
    query_cameras: Int64[np.ndarray, " q"]
    gallery_identities: Int64[np.ndarray, " g"]
    gallery_cameras: Int64[np.ndarray, " g"]
    preparation: Preparation = Preparation()
    similarities: Similarities | None = None
    """Similarities to rank by instead of inner products, such as re-ranked ones."""
    notes: tuple[str, ...] = ()
    """Notes on the data, to be repeated by every score of this task."""
    distractors: str = ZERO
    """How identity 0 is treated."""

    def __post_init__(self) -> None:
        for name in ("query", "gallery"):
            object.__setattr__(self, name, as_features(getattr(self, name)))
            for label in (f"{name}_identities", f"{name}_cameras"):
                if not isinstance(getattr(self, label), np.ndarray):
                    object.__setattr__(self, label, as_array(getattr(self, label)).astype(np.int64))
        if self.query.raw != self.gallery.raw:
            raise DataError("query and gallery features must both be unit vectors, or both raw")
        sizes = self.query.vectors.shape[1], self.gallery.vectors.shape[1]
        if sizes[0] != sizes[1]:
            raise DataError(
                "query and gallery features must come from one encoder, "
                f"found {sizes[0]} and {sizes[1]} dimensions"
            )
        for side, features, identities, cameras in (
            ("query", self.query, self.query_identities, self.query_cameras),
            ("gallery", self.gallery, self.gallery_identities, self.gallery_cameras),
        ):
            rows = len(features)
            if not rows == len(identities) == len(cameras):
                raise DataError(
                    f"{side}: expected one identity and one camera per feature row, found "
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
        """Features of the gallery without junk; not a copy if there is no junk."""
        vectors = self.gallery.vectors
        return vectors if len(self.kept) == len(vectors) else vectors[torch.from_numpy(self.kept)]

    @cached_property
    def matches(self) -> Matches:
        """The correct matches of each query among the kept gallery rows."""
        return find_matches(
            self.query_identities,
            self.query_cameras,
            self.gallery_identities[self.kept],
            self.gallery_cameras[self.kept],
        )

    @property
    def positive_counts(self) -> Int64[np.ndarray, " q"]:
        """Number of correct matches of each query; queries with 0 are not valid."""
        return self.matches.counts

    @property
    def same_person_counts(self) -> Int64[np.ndarray, " q"]:
        """Number of gallery images of each query's person, including those of the query's own camera."""
        return self.matches.stops - self.matches.starts

    def same_person_and_removed(
        self, query: int
    ) -> tuple[Bool[np.ndarray, " g_kept"], Bool[np.ndarray, " g_kept"]]:
        """Masks over the kept rows: those of the query's person, and those of them removed for its camera."""
        person, camera = self.query_identities[query], self.query_cameras[query]
        same_person = (self.gallery_identities[self.kept] == person) & (person > DISTRACTOR)
        same_camera = (self.gallery_cameras[self.kept] == camera) & (camera != UNKNOWN_CAMERA)
        return same_person, same_person & same_camera

    def fill(self, start: int, stop: int, out: Float32[Tensor, "b g"]) -> None:
        """Write the similarities of queries `start` to `stop` (exclusive) with the kept gallery; higher is closer.

        Cosine for unit rows; for raw rows 1 minus half the squared distance, which equals the cosine on the sphere.
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
    """Yield (first query, similarities) per block of queries; all blocks share one buffer, so copy to keep one."""
    limit = _BLOCK_ROWS if task.similarities is None else min(_BLOCK_ROWS, task.similarities.block_rows)
    rows = max(1, min(len(task.query), limit))
    block = torch.empty((rows, len(task.kept)))
    for first in range(0, len(task.query), rows):
        part = block[: min(rows, len(task.query) - first)]
        task.fill(first, first + len(part), part)
        yield first, part.numpy()
