"""A folder of images at any depth, without splits; cameras from a pattern, from Market-1501 file names, or unknown.

Files that are not images are counted, so that no crops are lost silently.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from reseen.datasets.path_pattern import compile_pattern, fields, path_times
from reseen.datasets.raw_rows import Rows
from reseen.errors import DataError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""File name suffixes of images, in any letter case."""

CAMERA_IN_NAME = re.compile(r"-?\d+_c(\d+)(?!\d)")
"""Matches the beginning of a Market-1501 file name: person, then camera."""

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
    """All images below `root`, with cameras by the pattern.

    An empty pattern means unknown cameras; None reads them from the file names if all are named as in Market-1501.

    Raises:
        DataError: the folder is missing, empty, or contains no image.
        SettingsError: the pattern is invalid or matches no image.
    """
    paths = image_paths(root)
    if pattern is not None:
        return rows_by_pattern(root, paths, pattern) if pattern else Rows(root, paths)
    matches = [CAMERA_IN_NAME.match(path.rpartition("/")[2]) for path in paths]
    names = [f"c{match[1]}" for match in matches if match]
    return Rows(root, paths, names if len(names) == len(paths) else None)


def image_paths(root: Path) -> tuple[str, ...]:
    """Sorted relative paths of all images below a folder.

    Hidden files and folders are skipped; symlinks are followed, but each folder is visited once.

    Raises:
        DataError: the folder is missing, cannot be listed, is empty, or contains no image.
    """
    if not root.is_dir():
        raise DataError(f"{root}: {'not a folder' if root.exists() else 'no such folder'}")
    images, others = [], 0
    for path in _files(root):
        if path.lower().endswith(IMAGE_SUFFIXES):
            images.append(path)
        else:
            others += 1
    if not images:
        files = "1 file" if others == 1 else f"{others:,} files"
        content = f"contains {files} but no image" if others else "the folder is empty"
        raise DataError(f"{root}: {content}; images end in {', '.join(IMAGE_SUFFIXES)}")
    return tuple(sorted(images))


def first_image(root: Path) -> str | None:
    """Relative path of the first image found below a folder; None if there is none or the folder is missing."""
    try:
        return next((path for path in _files(root) if path.lower().endswith(IMAGE_SUFFIXES)), None)
    except DataError:
        return None


def subfolders(root: Path) -> list[Path]:
    """Non-hidden folders directly below a folder, sorted; empty if it cannot be listed."""
    try:
        with os.scandir(root) as entries:
            names = [
                entry.name for entry in entries if not entry.name.startswith(".") and _kind(entry) == "folder"
            ]
    except OSError:
        return []
    return [root / name for name in sorted(names)]


def suggest_pattern(paths: Sequence[str]) -> str | None:
    """A camera pattern that matches all paths and gives 2 to 64 cameras; None if there is none."""
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
    """Crops with camera, tracklet and time, as given by a pattern in their paths relative to `root`.

    Raises:
        DataError: a time field is not a time.
        SettingsError: the pattern is invalid, matches no image, or would cut off the clock time after a date.
    """
    matches = fields(paths, pattern)
    names = set().union(*matches)
    return Rows(
        root,
        paths,
        [match.get("camera") for match in matches],
        [match.get("tracklet") for match in matches] if "tracklet" in names else None,
        path_times(root, paths, matches, pattern),
    )


def entries(root: Path) -> Iterator[tuple[str, str]]:
    """Relative path and kind (`file`, `broken link` or `special file`) of all non-hidden entries below a folder.

    Each folder is visited once, so that symlink loops end.

    Raises:
        DataError: a folder cannot be listed.
    """
    seen: set[tuple[int, int]] = set()
    stack = [("", root)]
    while stack:
        prefix, folder = stack.pop()
        try:
            status = folder.stat()
            listed = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"{folder}: cannot be listed ({error.strerror})") from None
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in listed:
            if entry.name.startswith("."):
                continue
            kind = _kind(entry)
            if kind == "folder":
                stack.append((f"{prefix}{entry.name}/", Path(entry.path)))
            else:
                yield prefix + entry.name, kind


def _files(root: Path) -> Iterator[str]:
    return (path for path, kind in entries(root) if kind == "file")


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_dir() or entry.is_file():
            return "folder" if entry.is_dir() else "file"
        return "broken link" if entry.is_symlink() and not Path(entry.path).exists() else "special file"
    except OSError:  # a symlink loop
        return "broken link"


_PICTURES = frozenset({
    ".3gp", ".arw", ".avi", ".avif", ".cr2", ".dng", ".flv", ".gif", ".h264", ".h265", ".heic", ".heif", ".jfif",
    ".jp2", ".jpe", ".jxl", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".nef", ".pgm", ".ppm", ".psd", ".raw",
    ".svg", ".tga", ".ts", ".webm", ".wmv",
})  # fmt: skip
"""Suffixes of image and video formats that reseen does not read."""

_NOT_FILES = frozenset({"broken links", "special files"})
_LONGEST_SUFFIX = 12


def skipped_files(root: Path) -> dict[str, int]:
    """Number of non-hidden files below `root` that are not images, by lower-case suffix, most frequent first.

    Broken symlinks are counted as `broken links`, pipes and devices as `special files`, names without a suffix as
    `no suffix`.

    Raises:
        DataError: a folder cannot be listed.
    """
    counts: Counter[str] = Counter()
    for path, kind in entries(root):
        if kind != "file":
            counts[f"{kind}s"] += 1
        elif not path.lower().endswith(IMAGE_SUFFIXES):
            suffix = Path(path).suffix.lower()
            counts[suffix if 1 < len(suffix) <= _LONGEST_SUFFIX else "no suffix"] += 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def possible_crops(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts of skipped files that may be meant as crops: other image formats, videos, broken links."""
    return {name: count for name, count in counts.items() if name in _PICTURES | _NOT_FILES}


def describe_skipped(counts: Mapping[str, int]) -> str:
    """The counts as text, such as `7 files passed over: 4 .avif, 2 .mp4, 1 broken link`."""
    total = sum(counts.values())
    listed = ", ".join(
        f"{count:,} {name.removesuffix('s') if count == 1 and name in _NOT_FILES else name}"
        for name, count in counts.items()
    )
    return f"{total:,} file{'' if total == 1 else 's'} passed over: {listed}"
