"""The crops of a gallery as boxes with people, written for annotation tools and read back."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from reseen.annotations.annotation import (
    AnnotatedImage,
    Annotation,
    Corners,
    WrittenAnnotations,
    frame_name,
    match_annotations,
    name_people,
)
from reseen.annotations.coco import read_coco, write_coco
from reseen.annotations.cvat import read_cvat, write_cvat
from reseen.annotations.fiftyone_dataset import read_fiftyone, write_fiftyone
from reseen.config import suggestion
from reseen.data.decode import UnreadableError, read_bytes, upright_size
from reseen.data.table import ImageSource
from reseen.errors import DataError, SettingsError
from reseen.gallery.entries import Entry
from reseen.gallery.gallery import Gallery
from reseen.video.record import read_records

AnnotationFormat = Literal["coco", "cvat", "fiftyone"]
GroupedBy = Literal["people", "clusters"]


@dataclass(frozen=True)
class ReadAnnotations:
    """What `import_annotations` changed."""

    boxes: int
    """Boxes that are crops of the gallery."""
    unmatched: int
    """Boxes that are not."""
    moved: int
    """Crops that were given to another person."""
    named: tuple[str, ...]
    """Names of people who were new."""


def export_annotations(
    gallery: Gallery,
    out: str | Path,
    *,
    format: AnnotationFormat | None = None,
    by: GroupedBy | None = None,
) -> WrittenAnnotations:
    """Write the crops of a gallery with their people, or clusters, for an annotation tool.

    Crops that `reseen crop` cut out of recordings become boxes on frames; others are pictures of their own.

    Args:
        gallery: an open gallery.
        out: a `.json` file for COCO, a folder for CVAT, the name of the data set for FiftyOne.
        format: by default COCO for a `.json` file, else CVAT.
        by: whose numbers boxes have; by default people where the gallery has any, else clusters.

    Raises:
        SettingsError: the format does not fit `out`, or FiftyOne is not installed.
        DataError: a crop is not where it was indexed, or in a shard, or none shows a person.
        StorageError: a file cannot be written.

    Example:
        >>> with reseen.open_gallery("galleries/mine") as gallery:
        ...     print(reseen.export_annotations(gallery, "people.json").boxes)
    """
    kind = _format_of(str(out), format, to_read=False)
    if kind == "fiftyone":
        return write_fiftyone(gallery, str(out), _people_of(gallery, by))
    boxes, nobody = gallery_boxes(gallery, by)
    if not boxes:
        raise DataError(
            f"{gallery.address}: no crop has a {'cluster' if by == 'clusters' else 'person'}; cluster the crops, "
            "then `reseen index` them with --clusters"
        )
    place = Path(out).expanduser()
    if kind == "coco":
        write_coco(boxes, place)
        files = [place]
    else:
        files = write_cvat(boxes, place)
    return WrittenAnnotations(tuple(files), len(boxes), len({box.track for box in boxes}), nobody)


def import_annotations(
    gallery: Gallery, source: str | Path, *, format: AnnotationFormat | None = None
) -> ReadAnnotations:
    """Read people from an annotation tool into a gallery, as one edit that can be undone.

    A box is a crop by the key that was written with it, else by its picture and overlap. A name says who it is; boxes
    without a name are the known person who has most of them. Only crops whose person differs change.

    Args:
        gallery: an open gallery.
        source: a COCO `.json`, a CVAT `.xml` or a folder of them, or the name of a FiftyOne data set.
        format: by default by the suffix of `source`.

    Raises:
        SettingsError: the format does not fit `source`, or FiftyOne is not installed.
        DataError: a file cannot be read, or none of its boxes is a crop of the gallery.
        StorageError: the journal of edits cannot be written.
    """
    kind = _format_of(str(source), format, to_read=True)
    if kind == "fiftyone":
        found = read_fiftyone(str(source))
        own = [_whole_crop(entry) for entry in _entries(gallery)]
    else:
        own = gallery_boxes(gallery, "all")[0]
        recordings = {box.recording for box in own if box.recording is not None}
        place = Path(source).expanduser()
        files = sorted(place.glob("*.xml")) if kind == "cvat" and place.is_dir() else [place]
        if not files:
            raise DataError(f"{place}: has no .xml file; give what CVAT exported")
        found = [
            box
            for file in files
            for box in (read_coco(file) if kind == "coco" else read_cvat(file, recordings))
        ]
    matched = match_annotations(own, found)
    people = gallery.people
    known = people.all()
    titles = {person.title: person.id for person in known}
    current = {key: person.id for person in known for key in person.keys}
    wanted = name_people(matched, current, titles)
    if wanted:
        people.assign(wanted, by="person")
    named = sorted({name for name in wanted.values() if isinstance(name, str)})
    return ReadAnnotations(len(matched.boxes), matched.unmatched, len(wanted), tuple(named))


def gallery_boxes(
    gallery: Gallery, by: GroupedBy | Literal["all"] | None = None
) -> tuple[list[Annotation], int]:
    """The crops of a gallery as boxes, and the number of crops of nobody, which are left out unless `by` is `all`.

    Raises:
        DataError: a crop is not where it was indexed, or in a shard.
    """
    entries = sorted(_entries(gallery), key=lambda entry: (entry.source, entry.image))
    people = {} if by == "all" else _people_of(gallery, by)
    names = Counter(entry.image for entry in entries)
    frames = {source: _frames(Path(source)) for source in {entry.source for entry in entries}}
    shared = _shared_names([frame for known in frames.values() for frame in known.values()])
    boxes, nobody = [], 0
    for entry in entries:
        if by != "all" and entry.key not in people:
            nobody += 1
            continue
        track, name = people.get(entry.key, (0, ""))
        frame = frames[entry.source].get(entry.image)
        if frame is not None:
            recording = frame.name if frame.name not in shared else f"{frame.camera}--{frame.name}"
            picture = AnnotatedImage(
                frame_name(recording, frame.number), frame.width, frame.height, recording, frame.number
            )
            boxes.append(Annotation(picture, frame.corners, track, name, entry.key))
        else:
            width, height = _size(entry)
            image = entry.image if names[entry.image] == 1 else f"{entry.source}/{entry.image}"
            corners = (0.0, 0.0, float(width), float(height))
            boxes.append(Annotation(AnnotatedImage(image, width, height), corners, track, name, entry.key))
    return boxes, nobody


@dataclass(frozen=True)
class _Frame:
    """Where a crop was cut out."""

    camera: str
    name: str
    number: int
    corners: Corners
    width: int
    height: int


def _frames(folder: Path) -> dict[str, _Frame]:
    """The frame of each crop in a folder that `reseen crop` filled, by the crop's path; empty for other folders."""
    return {
        row.path: _Frame(
            record.facts.camera,
            record.facts.name,
            row.frame,
            (row.left, row.top, row.right, row.bottom),
            record.facts.width,
            record.facts.height,
        )
        for record in read_records(folder)
        for row in record.rows
    }


def _shared_names(frames: list[_Frame]) -> set[str]:
    """Names that recordings of several cameras have."""
    cameras: dict[str, set[str]] = {}
    for frame in frames:
        cameras.setdefault(frame.name, set()).add(frame.camera)
    return {name for name, used in cameras.items() if len(used) > 1}


def _entries(gallery: Gallery) -> list[Entry]:
    return [entry for part in gallery.store.scan() for entry in part.entries]


def _people_of(gallery: Gallery, by: GroupedBy | None) -> dict[str, tuple[int, str]]:
    """Number and title of the person of each crop, by key; of clusters the number plus 1, without a title."""
    people = [] if by == "clusters" else gallery.people.all()
    if people or by == "people":
        return {key: (person.id, person.title) for person in people for key in person.keys}
    return {
        entry.key: (entry.cluster + 1, "")
        for entry in _entries(gallery)
        if entry.cluster is not None and entry.cluster >= 0
    }


def _size(entry: Entry) -> tuple[int, int]:
    """Width and height of a crop in pixels, upright."""
    file = Path(entry.source) / entry.image
    if "::" in entry.image:
        raise DataError(
            f"{file}: a crop in a shard is no picture that annotation tools open; use --format fiftyone"
        )
    try:
        return upright_size(read_bytes(ImageSource(file)))
    except UnreadableError as error:
        raise DataError(f"{file}: {error}; the crops must be where they were indexed") from None


def _whole_crop(entry: Entry) -> Annotation:
    return Annotation(AnnotatedImage(entry.image), (0.0, 0.0, 1.0, 1.0), 0, key=entry.key)


def _format_of(place: str, format: str | None, to_read: bool) -> AnnotationFormat:
    known = get_args(AnnotationFormat)
    if format is not None and format not in known:
        raise SettingsError(f"--format: no '{format}'{suggestion(format, known)}; known: {', '.join(known)}")
    suffix = Path(place).suffix.lower()
    if format is None:
        format = "coco" if suffix == ".json" else "cvat"
    if format == "coco" and suffix != ".json":
        raise SettingsError(f"{place}: a COCO file ends in .json; for CVAT give --format cvat")
    if format == "cvat" and not to_read and suffix in (".json", ".xml"):
        raise SettingsError(
            f"{place}: for CVAT, which has a file for each recording, give the name of a folder"
        )
    return format  # type: ignore[return-value]
