"""`FileDetector`: boxes and tracks from files: MOTChallenge text, CSV, COCO JSON, JSON of supervision.

Frames are counted from 1 in MOTChallenge text, and from 0 in the other formats.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reseen.config import suggestion
from reseen.errors import DataError
from reseen.reading import read_json, read_lines
from reseen.video.boxes import UNTRACKED, Boxes, Pixels, clipped, no_boxes
from reseen.video.sources import Source

SUFFIXES = (".txt", ".csv", ".json")
"""File name suffixes of files of boxes."""

_NAMES = {
    "frame": ("frame", "frame_index", "frame_number"),
    "left": ("left", "x_min", "x1"),
    "top": ("top", "y_min", "y1"),
    "right": ("right", "x_max", "x2"),
    "bottom": ("bottom", "y_max", "y2"),
    "score": ("score", "confidence"),
    "track": ("track", "track_id", "tracker_id"),
    "category": ("class_id", "class"),
}
"""Columns of CSV and of supervision's JSON, with accepted names; the first five are required."""

_REQUIRED = ("frame", "left", "top", "right", "bottom")
_COCO_PERSON = 1
_OUTSIDE = 0.5
"""Fraction of boxes outside of the frame above which a file is considered to belong to another video."""


class _Row(NamedTuple):
    frame: int
    corners: tuple[float, float, float, float]
    score: float
    track: int


class FileDetector:
    """Boxes from a file. If the file has tracks, they are used without a tracker."""

    has_confidence = True

    def __init__(self, place: Path, source: Source, frames: int, score: float) -> None:
        """Read the file of a source.

        Args:
            place: the file, or a folder with a file of the source's name.
            source: the video.
            frames: number of frames of the video; 0 if unknown.
            score: boxes with a lower score are dropped.

        Raises:
            DataError: the file is missing, cannot be read, or belongs to another video.
        """
        file = file_of(place.expanduser(), source)
        rows = read_detections(file)
        last = max((row.frame for row in rows), default=0)
        if frames and last >= frames + 2:  # containers may count a frame less
            raise DataError(
                f"{file}: has boxes up to frame {last}, but {source.shown} has {frames:,} frames; it belongs to "
                "another video, or its frames are numbered differently"
            )
        if not rows:
            raise DataError(f"{file}: contains no boxes")
        self._file, self._source = file, source
        self._outside, self._checked = 0, 0
        tracked = any(row.track != UNTRACKED for row in rows)
        by_frame: dict[int, list[_Row]] = {}
        for row in rows:
            if row.score >= score:
                by_frame.setdefault(row.frame, []).append(row)
        self._frames = {frame: _boxes(found, tracked) for frame, found in by_frame.items()}
        self._none = Boxes(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64)) if tracked else no_boxes()

    def prepare(self, sample: Sequence[Pixels]) -> None:
        """Do nothing."""

    def detect(self, pixels: Pixels, number: int) -> Boxes:
        """The boxes of frame `number`.

        Raises:
            DataError: most boxes so far are outside of the frame.
        """
        boxes = self._frames.get(number, self._none)
        inside = clipped(boxes.corners, *pixels.shape[:2])
        areas = [np.prod(corners[:, 2:] - corners[:, :2], axis=1) for corners in (inside, boxes.corners)]
        self._outside += int((areas[0] < 0.25 * areas[1]).sum())
        self._checked += len(boxes)
        if self._checked >= 10 and self._outside > _OUTSIDE * self._checked:
            raise DataError(
                f"{self._file}: {self._outside} of the first {self._checked} boxes are outside of the frames of "
                f"{self._source.shown}, which have {pixels.shape[1]} x {pixels.shape[0]} pixels; the boxes belong to "
                "another video, or to another size of it"
            )
        return boxes


def read_detections(file: Path) -> list[_Row]:
    """Read the boxes of a file; frames are counted from 0 in the result.

    Raises:
        DataError: the file is missing, or has none of the formats; names the line.
    """
    try:
        if file.suffix.lower() == ".json":
            values = read_json(file)
            rows = list(_from_json(values))
        elif file.suffix.lower() == ".txt":
            rows = list(_from_mot(read_lines(file)))
        else:
            rows = list(_from_table(csv.DictReader(read_lines(file)), 2))
    except FileNotFoundError:
        raise DataError(f"{file}: no such file of boxes") from None
    except (OSError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as a file of boxes ({error})") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error).splitlines()[0][:200]
        raise DataError(f"{file}: cannot be read as a file of boxes: {reason}") from None
    return rows


def file_of(place: Path, source: Source) -> Path:
    """The file of boxes of a source: `place`, or if that is a folder, the file with the source's name in it.

    Raises:
        DataError: the folder has no such file.
    """
    if not place.is_dir():
        return place
    stem = Path(source.place).stem if source.kind == "video" else source.name
    for suffix in SUFFIXES:
        if (place / f"{stem}{suffix}").is_file():
            return place / f"{stem}{suffix}"
    raise DataError(f"{place}: has no file of boxes for {source.shown}; expected {stem}.txt, .csv or .json")


def _boxes(rows: Sequence[_Row], tracked: bool) -> Boxes:
    corners = np.array([row.corners for row in rows], dtype=np.float64).reshape(-1, 4)
    scores = np.array([row.score for row in rows], dtype=np.float64)
    return Boxes(corners, scores, np.array([row.track for row in rows], dtype=np.int64) if tracked else None)


def _from_mot(lines: Iterator[str]) -> Iterator[_Row]:
    for number, line in enumerate(lines, start=1):
        parts = line.replace(",", " ").split()
        if not parts:
            continue
        try:
            if len(parts) < 6:
                raise ValueError(f"{len(parts)} numbers")
            values = [float(part) for part in parts[:7]]
            frame, track, left, top, width, height = values[:6]
            score = values[6] if len(values) > 6 and values[6] != -1 else 1.0
            if frame < 1:
                raise ValueError("frames are counted from 1")
            yield _row(frame - 1, (left, top, left + width, top + height), score, track)
        except (ValueError, OverflowError) as error:
            raise ValueError(
                f"line {number}: expected frame, track, left, top, width, height and score: {error}"
            ) from None


def _from_table(rows: Iterator[Mapping[str, Any]] | csv.DictReader, first: int) -> Iterator[_Row]:
    """Rows with named columns; rows of other classes than 0 are skipped."""
    for number, row in enumerate(rows, start=first):
        named = {
            name: next((row[key] for key in keys if row.get(key) not in (None, "")), None)
            for name, keys in _NAMES.items()
        }
        missing = [name for name in _REQUIRED if named[name] is None]
        if missing:
            hint = suggestion(missing[0], [str(key) for key in row])
            raise ValueError(
                f"row {number}: no {', '.join(missing)}{hint}; frame, left, top, right and bottom are required"
            )
        if named["category"] is not None and float(named["category"]) != 0:
            continue
        try:
            frame, *corners = (float(named[name] or 0) for name in _REQUIRED)
            score = 1.0 if named["score"] is None else float(named["score"])
            track = UNTRACKED if named["track"] is None else float(named["track"])
            yield _row(frame, corners, score, track)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"row {number}: {error}") from None


def _from_json(values: Any) -> Iterator[_Row]:
    if isinstance(values, list):
        if values and "bbox" in values[0]:
            raise ValueError(
                "COCO results without images do not state the frame of a box; give the file with images"
            )
        yield from _from_table(iter(values), 1)
        return
    images = sorted(values["images"], key=lambda image: (image.get("frame_id", 0), image["id"]))
    frames = {image["id"]: image.get("frame_id", place) for place, image in enumerate(images)}
    if images and min(frames.values()) == 1:
        frames = {key: frame - 1 for key, frame in frames.items()}
    categories = {entry["id"]: entry.get("name") for entry in values.get("categories", ())}
    people = {key for key, name in categories.items() if name in ("person", "pedestrian")} or {_COCO_PERSON}
    for entry in values["annotations"]:
        if entry.get("category_id", _COCO_PERSON) in people:
            left, top, width, height = map(float, entry["bbox"])
            track = entry.get("track_id", entry.get("instance_id", UNTRACKED))
            score = float(entry.get("score", 1.0))
            yield _row(frames[entry["image_id"]], (left, top, left + width, top + height), score, track)


def _row(frame: float, corners: Sequence[float], score: float, track: float) -> _Row:
    if not all(math.isfinite(value) for value in (frame, *corners, score, track)):
        raise ValueError("a value is not finite")
    left, top, right, bottom = corners
    if frame < 0 or frame != int(frame):
        raise ValueError(f"{frame:g} is not a frame number")
    if right <= left or bottom <= top:
        raise ValueError(f"the box has {right - left:g} x {bottom - top:g} pixels")
    return _Row(int(frame), (left, top, right, bottom), score, int(track) if track >= 0 else UNTRACKED)
