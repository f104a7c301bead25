"""Precomputed features with ground truth, validated, and the retrieval task made from query and gallery."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64

from reseen.datasets.raw_rows import AS_PERSON, DistractorRule, zero_is_person, zero_note
from reseen.datasets.values import camera_name, label, tracklet_name
from reseen.errors import DataError
from reseen.evaluate.protocols import tracklet_task
from reseen.evaluate.refine import pool_tracklets
from reseen.evaluate.task import DISTRACTOR, ZERO, RetrievalTask
from reseen.geometry import unit
from reseen.records import UNKNOWN_CAMERA, Features, as_array

_MOST_DIGITS = 18
"""Digits of a camera or tracklet number that fit into 64 bits."""


@dataclass(frozen=True, eq=False)
class LabeledFeatures:
    """Features (n, d) with one identity per row and, where known, one camera and one tracklet.

    Features and labels may be arrays, tensors on any device, or lists. Labels are integers or names. Identity -1 is
    junk; identity 0 is a distractor, or a person where a query has it (`labeled_task`). Cameras and tracklets that
    are -1, NaN or empty are unknown; `1`, `1.0`, `c1` and `c01` are the same camera.

    Raises:
        DataError: features are not a matrix or not finite, or labels differ from them in length.

    Example:
        >>> LabeledFeatures(np.random.rand(3, 8).astype(np.float32), np.array([1, 1, 2]), np.array(["c1", "c2", "c1"]))
    """

    features: Float32[np.ndarray, "n d"]
    identities: np.ndarray
    """(n,), integers or text."""
    cameras: np.ndarray | None = None
    """(n,), integers or text; None if unknown."""
    tracklets: np.ndarray | None = None
    """(n,), integers or text; None if unknown."""
    source: str = "features"
    """Name in messages, such as the file."""

    def __post_init__(self) -> None:
        for name in ("features", "identities", "cameras", "tracklets"):
            values = getattr(self, name)
            if values is not None and not isinstance(values, np.ndarray):
                object.__setattr__(self, name, self._as_array(name, values))
        if self.features.dtype.kind not in "fiu":
            raise DataError(
                f"{self.source}: features must be numbers, found values of type {self.features.dtype}"
            )
        if self.features.ndim != 2 or not self.features.shape[1]:
            raise DataError(
                f"{self.source}: features must be a matrix, one row per image, found shape {self.features.shape}"
            )
        bad = np.flatnonzero(~np.isfinite(self.features).all(axis=1))
        if len(bad):
            raise DataError(
                f"{self.source}: {len(bad):,} of {len(self.features):,} feature rows hold values that are not finite "
                f"(NaN or infinity), the first is row {bad[0]}; remove these rows or fix the encoder"
            )
        columns = {"identities": self.identities, "cameras": self.cameras, "tracklets": self.tracklets}
        for name, labels in columns.items():
            if labels is not None and labels.shape != (len(self.features),):
                raise DataError(
                    f"{self.source}: expected one value of {name} per feature row, found shape {labels.shape} for "
                    f"{len(self.features):,} rows"
                )

    def _as_array(self, name: str, values: Any) -> np.ndarray:
        try:
            return as_array(values)
        except ValueError as error:  # lists of different lengths
            raise DataError(f"{self.source}: {name} cannot be made an array ({error})") from None

    def __len__(self) -> int:
        return len(self.features)


def labeled_task(
    query: LabeledFeatures,
    gallery: LabeledFeatures,
    *,
    raw: bool = False,
    pool: bool = False,
    distractors: DistractorRule = "auto",
) -> RetrievalTask:
    """The retrieval task of query and gallery features: rows normalized unless `raw`, tracklets pooled with `pool`.

    Labels of both sides get one numbering; where one side has no cameras, all cameras are unknown. Identity 0 is a
    person if a query has it, since distractors are never queries; `distractors="zero"` or `"none"` decides otherwise.
    Where it is a person, identities are shifted by one.

    Raises:
        DataError: the sides differ in dimension or in kind of label, a row is zero, an identity is missing, or `pool`
            is set and tracklets are unknown.
    """
    sizes = query.features.shape[1], gallery.features.shape[1]
    if sizes[0] != sizes[1]:
        raise DataError(
            f"query and gallery features must come from one encoder, found {sizes[0]} dimensions in {query.source} "
            f"and {sizes[1]} in {gallery.source}"
        )
    people = _common_numbering(query, gallery, "identities")
    zero_queries = int((people[0] == DISTRACTOR).sum())
    as_person = zero_is_person(distractors, by_naming=False, asked=zero_queries > 0)
    if as_person:
        people = (_shift_by_one(people[0]), _shift_by_one(people[1]))
    notes = (
        (zero_note(f"{zero_queries:,} of {len(query):,} queries"),)
        if as_person and distractors == "auto"
        else ()
    )
    facts = {"notes": notes, "distractors": AS_PERSON if as_person else ZERO}
    cameras = _common_numbering(query, gallery, "cameras")
    if not pool:
        sides = [_features(side, raw) for side in (query, gallery)]
        return RetrievalTask(sides[0], sides[1], people[0], cameras[0], people[1], cameras[1], **facts)
    if query.tracklets is None or gallery.tracklets is None:
        side = query if query.tracklets is None else gallery
        raise DataError(f"{side.source}: the protocol video needs tracklets, this side has none; add them")
    tracklets = _common_numbering(query, gallery, "tracklets")
    pooled = [
        pool_tracklets(side.features, people[index], cameras[index], tracklets[index], side.source)
        for index, side in enumerate((query, gallery))
    ]
    return replace(tracklet_task(pooled[0], pooled[1]), **facts)


def swapped_note(query: LabeledFeatures, gallery: LabeledFeatures) -> str:
    """A note if query and gallery look swapped, that is the query is larger; else an empty string."""
    if len(query) <= len(gallery):
        return ""
    return (
        f"the query has more rows than the gallery ({len(query):,} and {len(gallery):,}): are they swapped? "
        "The query comes first"
    )


def _shift_by_one(people: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    return np.where(people >= DISTRACTOR, people + 1, people)


def _features(side: LabeledFeatures, raw: bool) -> Features:
    vectors = torch.from_numpy(np.ascontiguousarray(side.features, dtype=np.float32))
    if raw:
        return Features(vectors, raw=True)
    zero = np.flatnonzero(~side.features.any(axis=1))
    if len(zero):
        raise DataError(
            f"{side.source}: {len(zero):,} feature rows are zero and have no direction, the first is row {zero[0]}; "
            "remove these rows"
        )
    return Features(unit(vectors / vectors.abs().amax(dim=1, keepdim=True)))


def _common_numbering(
    query: LabeledFeatures, gallery: LabeledFeatures, name: str
) -> tuple[Int64[np.ndarray, " q"], Int64[np.ndarray, " g"]]:
    """The labels of both sides in one numbering; all -1 where a side has none."""
    sides = [(side.source, getattr(side, name), len(side)) for side in (query, gallery)]
    if any(labels is None for _, labels, _ in sides):
        return (
            np.full(len(query), UNKNOWN_CAMERA, dtype=np.int64),
            np.full(len(gallery), UNKNOWN_CAMERA, dtype=np.int64),
        )
    if name != "identities":
        return _number_names(sides, camera_name if name == "cameras" else tracklet_name)
    integers = [_integer_identities(source, labels) for source, labels, _ in sides]
    if integers[0] is not None and integers[1] is not None:
        return integers[0], integers[1]
    if integers[0] is not None or integers[1] is not None:
        raise DataError(
            f"{name} are numbers on one side and names on the other: {sides[0][0]}, {sides[1][0]}; use one kind in both"
        )
    texts = [_labels(labels, label) for _, labels, _ in sides]
    for (source, _, _), values in zip(sides, texts, strict=True):
        empty = np.flatnonzero(values == "")
        if len(empty):
            raise DataError(
                f"{source}: {len(empty):,} rows have no identity, the first is row {empty[0]}; give each an identity, "
                "-1 for junk"
            )
    joined = np.concatenate(texts)
    numbers = 1 + np.unique(joined, return_inverse=True)[1]
    numbers[joined == "-1"] = -1
    numbers[joined == "0"] = DISTRACTOR
    return numbers[: len(query)], numbers[len(query) :]


def _number_names(
    sides: list[tuple[str, np.ndarray, int]], name_of: Callable[[object], str | None]
) -> tuple[Int64[np.ndarray, " q"], Int64[np.ndarray, " g"]]:
    """Cameras or tracklets of both sides in one numbering, -1 for unknown; numbers keep their value."""
    for source, labels, _ in sides:
        if labels.dtype.kind not in "iufUS":
            raise DataError(
                f"{source}: labels must be integers or names, found values of type {labels.dtype}"
            )
    joined = np.concatenate([_labels(labels, name_of) for _, labels, _ in sides])
    names, inverse = np.unique(joined, return_inverse=True)
    bare = [name.removeprefix("c") if name_of is camera_name else name for name in names]
    if all(name.isdecimal() and len(name) < _MOST_DIGITS for name in bare if name):
        numbers = np.array([int(name) if name else -1 for name in bare], dtype=np.int64)
    else:
        numbers = np.arange(len(names)) - (1 if names[0] == "" else 0)
    result = numbers[inverse] if len(names) else np.zeros(0, dtype=np.int64)
    return result[: sides[0][2]], result[sides[0][2] :]


def _labels(labels: np.ndarray, name_of: Callable[[object], str | None]) -> np.ndarray:
    """Labels as text, normalized as by all dataset readers; empty where missing."""
    values, inverse = np.unique(labels, return_inverse=True)
    texts = values.astype(str) if values.dtype.kind == "S" else values
    return np.array([name_of(value) or "" for value in texts.tolist()], dtype=np.str_)[inverse]


def _integer_identities(source: str, labels: np.ndarray) -> Int64[np.ndarray, " n"] | None:
    """Identities as integers, also if stored as text; None if they are names."""
    if labels.dtype.kind in "iu":
        return labels.astype(np.int64)
    if labels.dtype.kind == "f":
        missing = np.flatnonzero(~np.isfinite(labels))
        if len(missing) or (labels != np.round(labels)).any():
            problem = f"{len(missing):,} are missing" if len(missing) else "some are not integers"
            raise DataError(f"{source}: identities must be integers or names, {problem}")
        return labels.astype(np.int64)
    if labels.dtype.kind not in "US":
        raise DataError(
            f"{source}: identities must be integers or names, found values of type {labels.dtype}"
        )
    try:
        return _labels(labels, label).astype(np.int64)
    except (ValueError, OverflowError):
        return None
