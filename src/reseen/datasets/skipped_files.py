"""Files of a folder that no reader takes for an image: counted by suffix, so that nothing is lost without a word."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from reseen.datasets.folder import IMAGE_SUFFIXES, entries

_PICTURES = frozenset({
    ".3gp", ".arw", ".avi", ".avif", ".cr2", ".dng", ".flv", ".gif", ".h264", ".h265", ".heic", ".heif", ".jfif",
    ".jp2", ".jpe", ".jxl", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".nef", ".pgm", ".ppm", ".psd", ".raw",
    ".svg", ".tga", ".ts", ".webm", ".wmv",
})  # fmt: skip
"""Suffixes of images and videos that reseen does not read."""

_NO_FILES = frozenset({"broken links", "special files"})
_LONGEST_SUFFIX = 12


def skipped_files(root: Path) -> dict[str, int]:
    """How many visible files below `root` are no image, by suffix in small letters, most frequent first.

    Broken links and special files (pipes, devices) count under these words, names without a suffix as `no suffix`.

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
    """Those among passed-over files that may have been meant as crops: other images, videos, broken links."""
    return {name: count for name, count in counts.items() if name in _PICTURES | _NO_FILES}


def describe_skipped(counts: Mapping[str, int]) -> str:
    """`7 files passed over: 4 .avif, 2 .mp4, 1 broken link`."""
    total = sum(counts.values())
    listed = ", ".join(
        f"{count:,} {name.removesuffix('s') if count == 1 and name in _NO_FILES else name}"
        for name, count in counts.items()
    )
    return f"{total:,} file{'' if total == 1 else 's'} passed over: {listed}"
