"""CVAT's XML 1.1: a file of tracks for every recording, one file of pictures for crops without a recording.

CVAT numbers tracks anew when it exports, so that the number tells people apart only within a file, and the attribute
`person` says who it is. It keeps attributes that the label of the task has: `labels.json` describes that label.
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from xml.sax.saxutils import quoteattr

from reseen.annotations.annotation import AnnotatedImage, Annotation, Corners, check_corners, frame_name
from reseen.errors import DataError
from reseen.files import make_folder, write_text
from reseen.reading import XmlElement, read_xml

CROPS = "crops.xml"
LABELS = "labels.json"
_ATTRIBUTES = ("person", "key")


def write_cvat(annotations: list[Annotation], folder: Path) -> list[Path]:
    """Write `RECORDING.xml` for every recording, `crops.xml` for other crops, and `labels.json`; returns the files.

    Raises:
        StorageError: the folder cannot be written.
    """
    make_folder(folder)
    by_recording: dict[str | None, list[Annotation]] = {}
    for annotation in annotations:
        by_recording.setdefault(annotation.recording, []).append(annotation)
    written = []
    for recording, boxes in sorted(by_recording.items(), key=lambda pair: pair[0] or ""):
        lines = _pictures(boxes) if recording is None else _tracks(boxes, recording)
        file = folder / (CROPS if recording is None else f"{recording}.xml")
        write_text(file, "\n".join(['<?xml version="1.0" encoding="utf-8"?>', *lines, ""]))
        written.append(file)
    label = {
        "name": "person",
        "type": "any",
        "attributes": [
            {"name": name, "mutable": False, "input_type": "text", "default_value": "", "values": [""]}
            for name in _ATTRIBUTES
        ],
    }
    write_text(folder / LABELS, json.dumps([label], indent=1) + "\n")
    return [*written, folder / LABELS]


def _pictures(boxes: list[Annotation]) -> Iterator[str]:
    yield "<annotations>"
    yield "  <version>1.1</version>"
    by_picture: dict[AnnotatedImage, list[Annotation]] = {}
    for annotation in boxes:
        by_picture.setdefault(annotation.picture, []).append(annotation)
    for number, (picture, drawn) in enumerate(by_picture.items()):
        name = _quoted(picture.name)
        yield f'  <image id="{number}" name={name} width="{picture.width}" height="{picture.height}">'
        for box in drawn:
            yield f'    <box label="person" group_id="{max(box.track, 0)}" occluded="0" {_corners(box.corners)}>'
            yield from _attributes(box, "      ")
            yield "    </box>"
        yield "  </image>"
    yield "</annotations>"


def _tracks(boxes: list[Annotation], recording: str) -> Iterator[str]:
    """A track for each person; a second box of a person in one frame starts another track of the same person."""
    yield "<annotations>"
    yield "  <version>1.1</version>"
    yield f"  <meta><task><name>{_quoted(recording)[1:-1]}</name></task></meta>"
    tracks: dict[tuple[int, str, int], dict[int, Annotation]] = {}
    for box in sorted(boxes, key=lambda box: box.picture.frame or 0):
        frame, copy = box.picture.frame or 0, 0
        while frame in tracks.setdefault((box.track, box.person, copy), {}):
            copy += 1
        tracks[box.track, box.person, copy][frame] = box
    number = 0
    for drawn in tracks.values():
        if not drawn:
            continue
        yield f'  <track id="{number}" label="person">'
        number += 1
        for frame, box in drawn.items():
            yield f"    {_frame(frame, box, outside=0)}"
            yield from _attributes(box, "      ")
            yield "    </box>"
            if frame + 1 not in drawn:  # CVAT would go on drawing the box until the next one
                yield f"    {_frame(frame + 1, box, outside=1)}"
                yield "    </box>"
        yield "  </track>"
    yield "</annotations>"


def _frame(frame: int, box: Annotation, outside: int) -> str:
    return f'<box frame="{frame}" keyframe="1" outside="{outside}" occluded="0" {_corners(box.corners)}>'


def _corners(corners: Corners) -> str:
    return " ".join(
        f'{name}="{value!r}"' for name, value in zip(("xtl", "ytl", "xbr", "ybr"), corners, strict=True)
    )


def _attributes(box: Annotation, indent: str) -> Iterator[str]:
    for name in _ATTRIBUTES:
        value = getattr(box, name)
        if value:
            yield f'{indent}<attribute name="{name}">{_quoted(value)[1:-1]}</attribute>'


def _quoted(text: str) -> str:
    """An attribute value in double quotes; characters that XML cannot hold become the replacement character."""
    return quoteattr("".join(letter if _is_allowed(letter) else "\ufffd" for letter in text), {'"': "&quot;"})


def _is_allowed(letter: str) -> bool:
    code = ord(letter)
    return letter in "\t\n" or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF


def read_cvat(file: Path, recordings: Collection[str] = ()) -> list[Annotation]:
    """Read the boxes of people in a file of CVAT XML 1.1, for videos or for pictures.

    Args:
        file: the file. Boxes outside of the frame and other labels than `person` are left out, unless no label is
            called so.
        recordings: names of known recordings; the file belongs to the one that its task, its video or itself is called
            like, or to the only one.

    Raises:
        DataError: the file is missing, is no such XML, or belongs to none of the recordings.
    """
    try:
        top = read_xml(file)
        if top.tag != "annotations":
            raise ValueError(f"the outermost element is '{top.tag[:50]}', expected 'annotations'")
        tracks = top.find_all("track")
        if not tracks:
            return list(_from_pictures(top))
        recording = _recording_of(top, file, recordings)
        return list(_from_tracks(tracks, recording))
    except FileNotFoundError:
        raise DataError(f"{file}: no such file of annotations") from None
    except (OSError, ValueError, KeyError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error).splitlines()[0][:200]
        raise DataError(f"{file}: cannot be read as CVAT XML: {reason}") from None


def _recording_of(top: XmlElement, file: Path, recordings: Collection[str]) -> str:
    names = [
        top.text_at("meta", "task", "name"),
        top.text_at("meta", "job", "name"),
        PurePosixPath(top.text_at("meta", "source")).stem,
        PurePosixPath(top.text_at("meta", "task", "source")).stem,
        file.stem,
    ]
    for name in names:
        if name in recordings:
            return name
    if len(recordings) == 1 or not recordings:
        return next(iter(recordings), names[-1])
    known = ", ".join(sorted(recordings)[:5])
    raise ValueError(f"belongs to none of the recordings {known}; name the file like one of them")


def _from_tracks(tracks: list[XmlElement], recording: str) -> Iterator[Annotation]:
    labels = _people({track.attributes.get("label", "") for track in tracks})
    for place, track in enumerate(tracks):
        if track.attributes.get("label", "") not in labels:
            continue
        number = _whole(track.attributes.get("id", str(place)), f"track {place}")
        for box in track.find_all("box"):
            if box.attributes.get("outside", "0") == "1":
                continue
            frame = _whole(box.attributes["frame"], f"track {number}")
            corners = _box(box, f"track {number}, frame {frame}")
            values = _values(box)
            person = values.get("person", "") or _values(track).get("person", "")
            picture = AnnotatedImage(frame_name(recording, frame), recording=recording, frame=frame)
            yield Annotation(picture, corners, number, person, values.get("key", ""))


def _from_pictures(top: XmlElement) -> Iterator[Annotation]:
    images = top.find_all("image")
    labels = _people({box.attributes.get("label", "") for image in images for box in image.find_all("box")})
    for image in images:
        name = image.attributes["name"]
        size = [
            _whole(image.attributes.get(side, "0"), f"image {name[:100]}") for side in ("width", "height")
        ]
        picture = AnnotatedImage(name, size[0], size[1])
        for box in image.find_all("box"):
            if box.attributes.get("label", "") not in labels:
                continue
            values = _values(box)
            number = _whole(box.attributes.get("group_id", "0"), f"image {name[:100]}")
            corners = _box(box, f"image {name[:100]}")
            if number or values.get("person"):
                yield Annotation(picture, corners, number, values.get("person", ""), values.get("key", ""))


def _people(labels: set[str]) -> set[str]:
    return {label for label in labels if label.lower() in ("person", "pedestrian")} or labels


def _values(element: XmlElement) -> dict[str, str]:
    return {child.attributes.get("name", ""): child.text for child in element.find_all("attribute")}


def _box(box: XmlElement, place: str) -> Corners:
    left, top, right, bottom = (float(box.attributes[name]) for name in ("xtl", "ytl", "xbr", "ybr"))
    return check_corners((left, top, right, bottom), place)


def _whole(text: str, place: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise ValueError(f"{place}: '{text[:30]}' is not a whole number")
    return int(text)
