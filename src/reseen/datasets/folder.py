"""A bare folder of images at any depth; cameras from a pattern, from Market-1501 file names, or none."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from reseen.data.times import Time, parse_time, to_seconds
from reseen.datasets.path_pattern import compile_pattern, fields
from reseen.datasets.raw_rows import Rows
from reseen.errors import DataError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""What counts as an image, in any letter case."""

CAMERA_IN_NAME = re.compile(r"-?\d+_c(\d+)(?!\d)")
"""The beginning of a Market-1501 file name: person, then camera."""

_SUGGESTIONS = (
    "{*}_c{camera}s{*}",
    "{*}_c{camera}_{*}",
    "c{camera}_{*}",
    "{*}cam{camera}_{*}",
    "{*}cam{camera}-{*}",
    "{*}cam_{camera}_{*}",
    "{*}cam-{camera}-{*}",
    "{*}camera{camera}_{*}",
    "{*}camera_{camera}_{*}",
)
_MOST_CAMERAS = 64


def training(root: Path, pattern: str | None = None) -> Rows:
    """All images below `root`.

    Raises:
        DataError: the folder is missing, empty, or holds no image.
        SettingsError: the pattern is wrong or fits no image.
    """
    paths = image_paths(root)
    if pattern is not None:
        return _with_pattern(root, paths, pattern)
    matches = [CAMERA_IN_NAME.match(path.rpartition("/")[2]) for path in paths]
    names = [f"c{match[1]}" for match in matches if match]
    return Rows(root, paths, names if len(names) == len(paths) else None)


def image_paths(root: Path) -> tuple[str, ...]:
    """Relative paths of all images below a folder, sorted.

    Hidden files and folders are passed over, links are followed once.

    Raises:
        DataError: the folder is missing, cannot be listed, is empty, or holds no image.
    """
    if not root.is_dir():
        raise DataError(f"{root}: {'not a folder' if root.exists() else 'no such folder'}")
    found, others = [], 0
    for path in _files(root):
        if path.lower().endswith(IMAGE_SUFFIXES):
            found.append(path)
        else:
            others += 1
    if not found:
        files = "1 file" if others == 1 else f"{others:,} files"
        held = f"{files} but no image" if others else "nothing: the folder is empty"
        raise DataError(f"{root}: holds {held}; images end in {', '.join(IMAGE_SUFFIXES)}")
    return tuple(sorted(found))


def first_image(root: Path) -> str | None:
    """Relative path of an image below a folder that is quickly found; None where there is none or no folder."""
    try:
        return next((path for path in _files(root) if path.lower().endswith(IMAGE_SUFFIXES)), None)
    except DataError:
        return None


def subfolders(root: Path) -> list[Path]:
    """Visible folders directly below a folder, sorted; none when it cannot be listed."""
    try:
        with os.scandir(root) as entries:
            names = [
                entry.name for entry in entries if not entry.name.startswith(".") and _kind(entry) == "folder"
            ]
    except OSError:
        return []
    return [root / name for name in sorted(names)]


def suggest_pattern(paths: Sequence[str]) -> str | None:
    """A camera pattern that fits every path and tells 2 to 64 cameras apart, or None."""
    for text in _SUGGESTIONS:
        pattern = compile_pattern(text)
        cameras = set()
        for path in paths:
            match = pattern.match(path)
            if match is None or not match["camera"].isdecimal():
                break
            cameras.add(match["camera"])
        else:
            if 2 <= len(cameras) <= _MOST_CAMERAS:
                return text
    folders = {path.partition("/")[0] if "/" in path else "" for path in paths}
    return "{camera}/{*}" if "" not in folders and 2 <= len(folders) <= _MOST_CAMERAS else None


def _with_pattern(root: Path, paths: tuple[str, ...], pattern: str) -> Rows:
    found = fields(paths, pattern)
    has = set().union(*found)
    times: list[Time] = []
    for path, match in zip(paths, found, strict=True):
        try:
            times.append(parse_time(match.get("time")))
        except ValueError:
            raise DataError(
                f"{root / path}: '{match['time']}' is no time; {{time}} is a number of seconds or a date "
                "like 2024-05-01T12:00:00"
            ) from None
    return Rows(
        root,
        paths,
        [match.get("camera") for match in found],
        [match.get("tracklet") for match in found] if "tracklet" in has else None,
        to_seconds(times) if "time" in has else None,
    )


def _files(root: Path) -> Iterator[str]:
    """Relative paths of visible files; each real folder is entered once, so that link loops end."""
    seen: set[tuple[int, int]] = set()
    queue = [("", root)]
    while queue:
        prefix, place = queue.pop()
        try:
            status = place.stat()
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"{place}: cannot be listed ({error.strerror})") from None
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            if entry.name.startswith("."):
                continue
            kind = _kind(entry)
            if kind == "folder":
                queue.append((f"{prefix}{entry.name}/", Path(entry.path)))
            elif kind == "file":
                yield prefix + entry.name


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else ""
    except OSError:  # a link that leads to itself
        return ""
