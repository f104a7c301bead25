"""Counts of files that readers skip because they are not images, so that no crops are lost silently."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from reseen.datasets.folder import IMAGE_SUFFIXES, entries

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
