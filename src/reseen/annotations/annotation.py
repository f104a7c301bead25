"""What annotation tools exchange: boxes on pictures, with the number and the name of the person in each."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from reseen.errors import DataError

Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class AnnotatedImage:
    """What a box is drawn on: a frame of a recording, or a crop, which is a picture of its own."""

    name: str
    """File name in annotation files, with forward slashes; of a frame `RECORDING/000012.jpg`."""
    width: int = 0
    """Pixels; 0 if unknown, as is the height."""
    height: int = 0
    recording: str | None = None
    """Name of the recording; None for a crop."""
    frame: int | None = None
    """Frame number in the recording, from 0; None for a crop."""


@dataclass(frozen=True)
class Annotation:
    """One box with its person."""

    picture: AnnotatedImage
    corners: Corners
    """Left, top, right and bottom, in pixels of the picture."""
    track: int
    """Number of the person in the file: boxes of one number show one person."""
    person: str = ""
    """Name of the person; empty if the file has none."""
    key: str = ""
    """Key of the crop in the gallery; empty if the file has none."""

    @property
    def recording(self) -> str | None:
        """Name of the recording; None for a crop."""
        return self.picture.recording


@dataclass(frozen=True)
class WrittenAnnotations:
    """What was written for an annotation tool."""

    files: tuple[Path, ...]
    """Files; empty for FiftyOne, which stores data sets itself."""
    boxes: int
    """Crops that were written."""
    people: int
    """People, or clusters, that they show."""
    nobody: int
    """Crops of nobody, or in no cluster; files leave them out."""


def frame_name(recording: str, frame: int) -> str:
    """File name of a frame, as tools that split a video into pictures expect one."""
    return f"{recording}/{frame:06d}.jpg"


def overlap(first: Corners, second: Corners) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (_area(first) + _area(second) - shared)


def _area(corners: Corners) -> float:
    return (corners[2] - corners[0]) * (corners[3] - corners[1])


def check_corners(corners: Corners, place: str) -> Corners:
    """The corners, if they are finite and enclose an area.

    Raises:
        ValueError: they do not; names `place`.
    """
    left, top, right, bottom = corners
    if not all(-1e9 < value < 1e9 for value in corners):  # also false for NaN
        raise ValueError(f"{place}: a corner is not a number of pixels")
    if right <= left or bottom <= top:
        raise ValueError(f"{place}: the box has {right - left:g} x {bottom - top:g} pixels")
    return corners


LEAST_OVERLAP = 0.5
"""Least intersection over union at which a box that was drawn or moved by hand is that of a crop."""


@dataclass(frozen=True)
class MatchedAnnotations:
    """Which crops of a gallery the boxes of a file are."""

    boxes: dict[str, Annotation]
    """The box of each crop, by the crop's key."""
    unmatched: int
    """Boxes that are no crop of the gallery."""


def match_annotations(own: list[Annotation], found: list[Annotation]) -> MatchedAnnotations:
    """Find the crop of every box: by its key, else by its picture and the overlap with the box of the crop.

    Args:
        own: the boxes of the gallery, with keys.
        found: the boxes of a file; a key that the gallery does not have counts as none.

    Raises:
        DataError: not one box is a crop of the gallery.

    Example:
        >>> picture = AnnotatedImage("hall/000003.jpg", recording="hall", frame=3)
        >>> own = [Annotation(picture, (10, 20, 40, 100), 1, key="k")]
        >>> moved = [Annotation(picture, (12, 21, 41, 101), 7, "Anna")]
        >>> match_annotations(own, moved).boxes["k"].person
        'Anna'
    """
    keys = {annotation.key for annotation in own}
    by_picture: dict[tuple[str | None, int | None, str], list[Annotation]] = {}
    for annotation in own:
        by_picture.setdefault(_place(annotation), []).append(annotation)
    boxes: dict[str, Annotation] = {}
    best: dict[str, float] = {}
    unmatched = 0
    for annotation in found:
        key, share = annotation.key, 1.0
        if key not in keys:
            near = by_picture.get(_place(annotation), [])
            scored = [(overlap(annotation.corners, other.corners), other.key) for other in near]
            share, key = max(scored, default=(0.0, ""))
        if share < LEAST_OVERLAP or share <= best.get(key, 0.0):
            unmatched += 1
            continue
        unmatched += key in boxes  # the worse box of two on one crop
        boxes[key], best[key] = annotation, share
    if not boxes:
        example = f", such as a box on {found[0].picture.name}" if found else ""
        raise DataError(
            f"none of the {len(found):,} boxes is a crop of this gallery{example}; give the annotations of its own "
            "pictures or recordings, exported from it or drawn on them"
        )
    return MatchedAnnotations(boxes, unmatched)


def _place(annotation: Annotation) -> tuple[str | None, int | None, str]:
    picture = annotation.picture
    if picture.recording is None:
        return None, None, picture.name
    return picture.recording, picture.frame, ""


def name_people(
    matched: MatchedAnnotations, current: dict[str, int], titles: dict[str, int]
) -> dict[str, int | str]:
    """The person of every crop that a file gives another one: the number of a known person, or the name of a new one.

    A name in the file decides. Boxes without a name are one person by their number in the file, and that number means
    nothing else, because tools renumber tracks: they are the known person who has most of these crops. Each known
    person is taken once, by the most crops; who is left over is new.

    Args:
        matched: the boxes.
        current: person of each crop now, by key; crops of nobody are left out.
        titles: every known person by name, also `person 12` for one without a name.

    Returns:
        By key of the crop, only where it differs from `current`.
    """
    lowered = {title.casefold(): person for title, person in titles.items()}
    groups: dict[int, list[str]] = {}
    wanted: dict[str, int | str] = {}
    for key, annotation in matched.boxes.items():
        if annotation.person:
            wanted[key] = lowered.get(annotation.person.casefold(), annotation.person)
        else:
            groups.setdefault(annotation.track, []).append(key)
    claims = sorted(
        ((-count, track, person) for track, keys in groups.items()
         for person, count in Counter(current[key] for key in keys if key in current).items())
    )  # fmt: skip
    taken: dict[int, int] = {}
    claimed: set[int] = set()
    for _, track, person in claims:
        if track not in taken and person not in claimed:
            taken[track] = person
            claimed.add(person)
    for track, keys in groups.items():
        wanted |= dict.fromkeys(keys, taken.get(track, f"track {track}"))
    return {key: person for key, person in wanted.items() if current.get(key) != person}
