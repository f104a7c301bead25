"""Anybody's features with the truth beside them, checked, and the labels of two sides numbered alike."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, Int64

from reseen.datasets.distractors import AS_PERSON, DistractorRule, zero_is_person, zero_note
from reseen.datasets.values import camera_name, label, tracklet_name
from reseen.errors import DataError
from reseen.evaluate.matches import DISTRACTOR
from reseen.evaluate.protocols import tracklet_task
from reseen.evaluate.task import ZERO, RetrievalTask
from reseen.evaluate.tracklets import pool_tracklets
from reseen.geometry import unit
from reseen.records import UNKNOWN_CAMERA, Features

_LONGEST = 18
"""Digits of a camera's or tracklet's number that fit 64 bits."""


@dataclass(frozen=True, eq=False)
class LabeledFeatures:
    """One row per image: its features, who is on it, and where known its camera and tracklet.

    Labels are whole numbers or names. Identity -1 is junk; identity 0 is a distractor, or a person where a query has it
    (`labeled_task`). Cameras and tracklets that are -1, NaN or empty are unknown; `1`, `1.0`, `c1` and `c01` are one
    camera.

    Raises:
        DataError: no rows of numbers, values that are not finite, labels that are missing or of another length.
    """

    features: Float32[np.ndarray, "n d"]
    identities: np.ndarray
    cameras: np.ndarray | None = None
    tracklets: np.ndarray | None = None
    source: str = "features"
    """What messages call it, such as a file."""

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or not self.features.shape[1]:
            raise DataError(
                f"{self.source}: features must be a matrix, one row per image, found shape {self.features.shape}"
            )
        bad = np.flatnonzero(~np.isfinite(self.features).all(axis=1))
        if len(bad):
            raise DataError(
                f"{self.source}: {len(bad):,} of {len(self.features):,} feature rows hold values that are not finite "
                f"(NaN or infinity), the first is row {bad[0]}; remove these rows or mend the encoder"
            )
        for name in ("identities", "cameras", "tracklets"):
            labels = getattr(self, name)
            if labels is not None and labels.shape != (len(self.features),):
                raise DataError(
                    f"{self.source}: one of {name} per feature row wanted, found {labels.shape} for "
                    f"{len(self.features):,} rows"
                )

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
    """A task from two sides; rows are brought to length 1 unless `raw`, tracklets pooled with `pool`.

    Names are numbered alike on both sides; where one side has no cameras, none are known. The identity 0 is a person
    where a query has it, since nobody asks for a distractor; `distractors` may say `zero` or `none` instead. Where it
    is a person, people are numbered one higher than they were.

    Raises:
        DataError: sides that do not fit each other, a row without direction, or an identity that is missing.
    """
    sizes = query.features.shape[1], gallery.features.shape[1]
    if sizes[0] != sizes[1]:
        raise DataError(
            f"query and gallery features must come from one encoder, found {sizes[0]} dimensions in {query.source} "
            f"and {sizes[1]} in {gallery.source}"
        )
    people = _alike(query, gallery, "identities")
    asked = int((people[0] == DISTRACTOR).sum())
    as_person = zero_is_person(distractors, by_naming=False, asked=asked > 0)
    if as_person:
        people = (_from_one(people[0]), _from_one(people[1]))
    notes = (
        (zero_note(f"{asked:,} of {len(query):,} queries"),) if as_person and distractors == "auto" else ()
    )
    facts = {"notes": notes, "distractors": AS_PERSON if as_person else ZERO}
    cameras = _alike(query, gallery, "cameras")
    if not pool:
        sides = [_features(side, raw) for side in (query, gallery)]
        return RetrievalTask(sides[0], sides[1], people[0], cameras[0], people[1], cameras[1], **facts)
    if query.tracklets is None or gallery.tracklets is None:
        side = query if query.tracklets is None else gallery
        raise DataError(f"{side.source}: the protocol video needs tracklets, this has none; add them")
    tracklets = _alike(query, gallery, "tracklets")
    pooled = [
        pool_tracklets(side.features, people[place], cameras[place], tracklets[place], side.source)
        for place, side in enumerate((query, gallery))
    ]
    return replace(tracklet_task(pooled[0], pooled[1]), **facts)


def swapped(query: LabeledFeatures, gallery: LabeledFeatures) -> str:
    """A sentence where the sides look swapped, else nothing: a gallery is the larger side as a rule."""
    if len(query) <= len(gallery):
        return ""
    return (
        f"the query has more rows than the gallery ({len(query):,} and {len(gallery):,}): are they swapped? "
        "The query comes first"
    )


def _from_one(people: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
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


def _alike(
    query: LabeledFeatures, gallery: LabeledFeatures, name: str
) -> tuple[Int64[np.ndarray, " q"], Int64[np.ndarray, " g"]]:
    """The labels of both sides in one numbering; -1 throughout where a side has none."""
    sides = [(side.source, getattr(side, name), len(side)) for side in (query, gallery)]
    if any(labels is None for _, labels, _ in sides):
        return (
            np.full(len(query), UNKNOWN_CAMERA, dtype=np.int64),
            np.full(len(gallery), UNKNOWN_CAMERA, dtype=np.int64),
        )
    if name != "identities":
        return _named_alike(sides, camera_name if name == "cameras" else tracklet_name)
    whole = [_numbers(source, labels) for source, labels, _ in sides]
    if whole[0] is not None and whole[1] is not None:
        return whole[0], whole[1]
    if whole[0] is not None or whole[1] is not None:
        raise DataError(
            f"{name} are numbers on one side and names on the other: {sides[0][0]}, {sides[1][0]}; write both alike"
        )
    texts = [_labels(labels, label) for _, labels, _ in sides]
    for (source, _, _), values in zip(sides, texts, strict=True):
        empty = np.flatnonzero(values == "")
        if len(empty):
            raise DataError(
                f"{source}: {len(empty):,} rows have no identity, the first is row {empty[0]}; say who is on them, or "
                "-1 for junk"
            )
    joined = np.concatenate(texts)
    numbers = 1 + np.unique(joined, return_inverse=True)[1]
    numbers[joined == "-1"] = -1
    numbers[joined == "0"] = DISTRACTOR
    return numbers[: len(query)], numbers[len(query) :]


def _named_alike(
    sides: list[tuple[str, np.ndarray, int]], name_of: Callable[[object], str | None]
) -> tuple[Int64[np.ndarray, " q"], Int64[np.ndarray, " g"]]:
    """Cameras or tracklets of both sides in one numbering, -1 for unknown; numbers keep their value."""
    for source, labels, _ in sides:
        if labels.dtype.kind not in "iufUS":
            raise DataError(f"{source}: wanted whole numbers or names, found values of type {labels.dtype}")
    joined = np.concatenate([_labels(labels, name_of) for _, labels, _ in sides])
    names, places = np.unique(joined, return_inverse=True)
    bare = [name.removeprefix("c") if name_of is camera_name else name for name in names]
    if all(name.isdecimal() and len(name) < _LONGEST for name in bare if name):
        numbers = np.array([int(name) if name else -1 for name in bare], dtype=np.int64)
    else:
        numbers = np.arange(len(names)) - (1 if names[0] == "" else 0)
    found = numbers[places] if len(names) else np.zeros(0, dtype=np.int64)
    return found[: sides[0][2]], found[sides[0][2] :]


def _labels(labels: np.ndarray, name_of: Callable[[object], str | None]) -> np.ndarray:
    """Names by the rule of all readers, empty for nothing."""
    values, places = np.unique(labels, return_inverse=True)
    texts = values.astype(str) if values.dtype.kind == "S" else values
    return np.array([name_of(value) or "" for value in texts.tolist()], dtype=np.str_)[places]


def _numbers(source: str, labels: np.ndarray) -> Int64[np.ndarray, " n"] | None:
    """Identities that are whole numbers, also when they were written as text; None when they are names."""
    if labels.dtype.kind in "iu":
        return labels.astype(np.int64)
    if labels.dtype.kind == "f":
        missing = np.flatnonzero(~np.isfinite(labels))
        if len(missing) or (labels != np.round(labels)).any():
            what = f"{len(missing):,} are missing" if len(missing) else "some are no whole numbers"
            raise DataError(f"{source}: identities must be whole numbers or names, {what}")
        return labels.astype(np.int64)
    if labels.dtype.kind not in "US":
        raise DataError(
            f"{source}: identities must be whole numbers or names, found values of type {labels.dtype}"
        )
    try:
        return _labels(labels, label).astype(np.int64)
    except (ValueError, OverflowError):
        return None
