"""A bare folder of images at any depth; cameras from a pattern, from Market-1501 file names, or none."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from reseen.datasets.path_pattern import compile_pattern, fields
from reseen.datasets.path_times import path_times
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
    """All images below `root`; cameras by the pattern, none by an empty one, by Market-1501 names without one.

    Raises:
        DataError: the folder is missing, empty, or holds no image.
        SettingsError: the pattern is wrong or fits no image.
    """
    paths = image_paths(root)
    if pattern is not None:
        return rows_by_pattern(root, paths, pattern) if pattern else Rows(root, paths)
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


def rows_by_pattern(root: Path, paths: tuple[str, ...], pattern: str) -> Rows:
    """Crops with the camera, tracklet and time that a pattern finds in their paths below `root`.

    Raises:
        DataError: a time that is none.
        SettingsError: the pattern is wrong, fits no image, or would drop the clock of a time.
    """
    found = fields(paths, pattern)
    has = set().union(*found)
    return Rows(
        root,
        paths,
        [match.get("camera") for match in found],
        [match.get("tracklet") for match in found] if "tracklet" in has else None,
        path_times(root, paths, found, pattern),
    )


def entries(root: Path) -> Iterator[tuple[str, str]]:
    """Relative path and kind of what is visible: `file`, `broken link` or `special file`.

    Each real folder is entered once, so that link loops end.

    Raises:
        DataError: a folder cannot be listed.
    """
    seen: set[tuple[int, int]] = set()
    queue = [("", root)]
    while queue:
        prefix, place = queue.pop()
        try:
            status = place.stat()
            listed = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"{place}: cannot be listed ({error.strerror})") from None
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in listed:
            if entry.name.startswith("."):
                continue
            kind = _kind(entry)
            if kind == "folder":
                queue.append((f"{prefix}{entry.name}/", Path(entry.path)))
            else:
                yield prefix + entry.name, kind


def _files(root: Path) -> Iterator[str]:
    return (path for path, kind in entries(root) if kind == "file")


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_dir() or entry.is_file():
            return "folder" if entry.is_dir() else "file"
        return "broken link" if entry.is_symlink() and not Path(entry.path).exists() else "special file"
    except OSError:  # a link that leads to itself
        return "broken link"
