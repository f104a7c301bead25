"""COCO files with people as track numbers: pictures, one category, boxes with `track_id`, the name as an attribute."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from reseen.annotations.annotation import AnnotatedImage, Annotation, check_corners
from reseen.errors import DataError
from reseen.files import write_text
from reseen.reading import read_json, validate_as

_PERSON = 1


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Image(_Loose):
    id: int | str
    file_name: str
    width: int | None = None
    height: int | None = None
    video_id: int | str | None = None
    frame_id: int | None = Field(default=None, ge=0)


class _Video(_Loose):
    id: int | str
    name: str


class _Box(_Loose):
    image_id: int | str
    bbox: list[float] = Field(min_length=4, max_length=4)
    category_id: int | str = _PERSON
    track_id: int | None = None
    instance_id: int | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)


class _Category(_Loose):
    id: int | str
    name: str


class _File(_Loose):
    images: list[_Image]
    annotations: list[_Box]
    categories: list[_Category] = Field(default_factory=list)
    videos: list[_Video] = Field(default_factory=list)


def write_coco(annotations: list[Annotation], file: Path) -> None:
    """Write a COCO file. Pictures of unknown size have no `width` and `height`.

    Raises:
        StorageError: the file cannot be written.
    """
    pictures = list(dict.fromkeys(annotation.picture for annotation in annotations))
    numbers = {picture: number for number, picture in enumerate(pictures, start=1)}
    recordings = sorted({picture.recording for picture in pictures if picture.recording is not None})
    videos = {name: number for number, name in enumerate(recordings, start=1)}
    content = {
        "info": {"description": "people of a gallery of reseen, as track_id"},
        "categories": [{"id": _PERSON, "name": "person", "supercategory": "person"}],
        "videos": [{"id": number, "name": name} for name, number in videos.items()],
        "images": [_image(picture, numbers[picture], videos) for picture in pictures],
        "annotations": [
            _box(annotation, number, numbers[annotation.picture])
            for number, annotation in enumerate(annotations, start=1)
        ],
    }
    write_text(file, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def _image(picture: AnnotatedImage, number: int, videos: dict[str, int]) -> dict[str, Any]:
    image: dict[str, Any] = {"id": number, "file_name": picture.name}
    if picture.width and picture.height:
        image |= {"width": picture.width, "height": picture.height}
    if picture.recording is not None:
        image |= {"video_id": videos[picture.recording], "frame_id": picture.frame}
    return image


def _box(annotation: Annotation, number: int, image: int) -> dict[str, Any]:
    left, top, right, bottom = annotation.corners
    return {
        "id": number,
        "image_id": image,
        "category_id": _PERSON,
        "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top),
        "iscrowd": 0,
        "track_id": annotation.track,
        "attributes": {"person": annotation.person, "key": annotation.key},
    }


def read_coco(file: Path) -> list[Annotation]:
    """Read the boxes of people in a COCO file that have a track number or a name; others are left out.

    The number is `track_id`, `instance_id`, or the attribute `track_id` that CVAT writes; the name the attribute
    `person`. A picture belongs to a recording if it has `video_id` and `frame_id`.

    Raises:
        DataError: the file is missing or is no COCO file; names the box.
    """
    try:
        content = validate_as(_File, read_json(file))
        return list(_annotations(content))
    except FileNotFoundError:
        raise DataError(f"{file}: no such file of annotations") from None
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0][:200]
        raise DataError(f"{file}: cannot be read as COCO: {reason}") from None


def _annotations(content: _File) -> list[Annotation]:
    videos = {video.id: video.name for video in content.videos}
    pictures = {image.id: _picture(image, videos) for image in content.images}
    people = {
        category.id for category in content.categories if category.name.lower() in ("person", "pedestrian")
    }
    people = people or {category.id for category in content.categories} or {_PERSON}
    found = []
    for number, box in enumerate(content.annotations, start=1):
        person, key = (str(box.attributes.get(name) or "") for name in ("person", "key"))
        given = (box.track_id, box.instance_id, box.attributes.get("track_id"))
        track = next((value for value in given if isinstance(value, int)), None)
        if box.category_id not in people or (track is None and not person):
            continue
        if box.image_id not in pictures:
            raise ValueError(f"annotation {number}: no image {box.image_id}")
        left, top, width, height = box.bbox
        corners = check_corners((left, top, left + width, top + height), f"annotation {number}")
        found.append(Annotation(pictures[box.image_id], corners, -1 if track is None else track, person, key))
    return found


def _picture(image: _Image, videos: dict[int | str, str]) -> AnnotatedImage:
    recording = None if image.video_id is None or image.frame_id is None else videos.get(image.video_id)
    frame = None if recording is None else image.frame_id
    return AnnotatedImage(image.file_name, image.width or 0, image.height or 0, recording, frame)
