"""Finds the sources of video at given paths and URLs: video files, folders of frames, streams."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from reseen.data.times import parse_time, to_seconds
from reseen.datasets.path_pattern import fields, path_times
from reseen.errors import DataError, SettingsError

VIDEOS = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".wmv", ".flv",
          ".3gp", ".ogv", ".mxf", ".dav", ".h264", ".h265", ".hevc", ".264", ".265"}  # fmt: skip
"""File name suffixes of videos in a folder; a file given by its path can have any."""

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
"""File name suffixes of frames."""

STREAMS = {"rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "srt", "udp", "rtp"}
"""URL schemes of streams."""

_FRAME_FOLDERS = {"img1", "frames", "images"}
"""Names of subfolders with frames; the source is named after their parent folder."""


@dataclass(frozen=True)
class Source:
    """One video."""

    place: str
    """Path, or URL with its password."""
    kind: Literal["video", "images", "stream"]
    name: str
    """Name of the source, unique within its camera and valid in a file name."""
    camera: str
    """Name of the camera, valid as a folder name."""
    start: float | None = None
    """Time of the first frame given by the user, in Unix seconds; None: use that of the container."""

    @property
    def shown(self) -> str:
        """Path, or URL without user name and password; for messages and files."""
        return without_password(self.place) if self.kind == "stream" else self.place

    def fingerprint(self) -> str:
        """SHA-256 (hex) of path, camera, start, and the sizes and modification times of the files.

        Raises:
            DataError: a file cannot be read.
        """
        digest = sha256(f"{self.shown}\0{self.camera}\0{self.start}".encode("utf-8", "surrogateescape"))
        for file in [] if self.kind == "stream" else self.files():
            try:
                status = file.stat()
            except OSError as error:
                raise DataError(f"{file}: cannot be read ({error.strerror})") from None
            digest.update(
                f"\0{file.name}\0{status.st_size}\0{status.st_mtime_ns}".encode("utf-8", "surrogateescape")
            )
        return digest.hexdigest()

    def files(self) -> list[Path]:
        """The video file, or the files of the frames, ordered by number."""
        place = Path(self.place)
        return [place] if self.kind == "video" else frames_in(place)


def find_sources(
    places: Sequence[str], *, camera: str | None = None, pattern: str | None = None, start: str | None = None
) -> list[Source]:
    """Find sources: video files, folders of videos at any depth, folders of frames, URLs of streams.

    Args:
        places: paths and URLs.
        camera: one camera for all sources; by default each source has its own, named after its file.
        pattern: pattern of the camera and optionally the time in a path, such as `{camera}_{date}_{clock}.mp4`.
        start: time of the first frame if there is one source: Unix seconds, or a date and time.

    Raises:
        DataError: a path does not exist, or a folder has no video.
        SettingsError: camera and pattern are both given, the pattern does not match, a source is given twice, or the
            start is not a time.
    """
    if camera is not None and pattern is not None:
        raise SettingsError("--camera and --camera-pattern exclude each other; leave one out")
    found = [(path, kind) for place in places for path, kind in _at(place)]
    if not found:
        raise SettingsError("no source is given; give a video, a folder or the URL of a stream")
    duplicates = {path for path, _ in found if [other for other, _ in found].count(path) > 1}
    if duplicates:
        raise SettingsError(f"{min(duplicates)} is given twice")
    if start is not None and len(found) > 1:
        raise SettingsError(
            f"--start applies to one video, but {len(found)} are given; read their times with --camera-pattern, such "
            "as '{camera}_{date}_{clock}.mp4'"
        )
    cameras, starts = _cameras(found, camera, pattern), _starts(found, pattern, start)
    names = _names([path for path, _ in found], cameras)
    return [
        Source(path, kind, name, source_camera, source_start)
        for (path, kind), name, source_camera, source_start in zip(found, names, cameras, starts, strict=True)
    ]


def frames_in(folder: Path) -> list[Path]:
    """The images in a folder, ordered by the numbers in their names."""
    return sorted(
        (
            file
            for file in folder.iterdir()
            if file.suffix.lower() in IMAGES and not file.name.startswith(".")
        ),
        key=lambda file: [
            (len(part), part) if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", file.name)
        ],
    )


def without_password(address: str) -> str:
    """A URL without user name and password."""
    return re.sub(r"(?<=://)[^/@]*@", "", address)


def _at(place: str) -> list[tuple[str, Literal["video", "images", "stream"]]]:
    scheme, separator, _ = place.partition("://")
    if separator:
        if scheme.lower() not in STREAMS:
            raise SettingsError(
                f"{without_password(place)}: unknown scheme '{scheme}'; streams are {', '.join(sorted(STREAMS))}"
            )
        return [(place, "stream")]
    path = Path(place).expanduser().absolute()
    try:
        if path.is_file():
            return [(str(path), "video")]
        if not path.is_dir():
            reason = "no such file or folder" if not path.exists() else "neither a file nor a folder"
            raise DataError(f"{place}: {reason}; give a video, a folder of videos or frames, or rtsp://...")
        return _in_folder(path)
    except OSError as error:
        raise DataError(f"{place}: cannot be read ({error.strerror or error})") from None


def _in_folder(folder: Path) -> list[tuple[str, Literal["video", "images", "stream"]]]:
    videos, with_images = [], set()
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            suffix = Path(name).suffix.lower()
            if suffix in VIDEOS and not name.startswith("."):
                videos.append(str(Path(root) / name))
            elif suffix in IMAGES and not name.startswith("."):
                with_images.add(root)
    if videos:
        return [(path, "video") for path in videos]
    if with_images:
        return [(path, "images") for path in sorted(with_images)]
    raise DataError(f"{folder}: contains no videos and no frames; videos end in {', '.join(sorted(VIDEOS))}")


def _label(path: str) -> str:
    """The name of a source, from its path only; other sources may have the same."""
    if "://" in path:
        parts = urlsplit(path)
        return f"{parts.hostname or 'stream'}{parts.path}"
    place = Path(path)
    return (
        place.parent.name
        if place.name.lower() in _FRAME_FOLDERS
        else place.name
        if place.is_dir()
        else place.stem
    )


def _cameras(found: Sequence[tuple[str, str]], camera: str | None, pattern: str | None) -> list[str]:
    if camera is not None:
        return [_safe(camera)] * len(found)
    if pattern is None:
        return _names([path for path, _ in found], [""] * len(found))
    matches = _fields(found, pattern)
    for (path, _), match in zip(found, matches, strict=True):
        if "camera" not in match:
            raise DataError(f"{without_password(path)}: the pattern '{pattern}' finds no camera in it")
    return [_safe(match["camera"]) for match in matches]


def _starts(found: Sequence[tuple[str, str]], pattern: str | None, start: str | None) -> list[float | None]:
    if start is not None:
        try:
            parsed = parse_time(start)
        except ValueError:
            raise SettingsError(
                f"--start: '{start}' is neither Unix seconds nor a date like 2026-05-01T14:30"
            ) from None
        return [None if parsed is None else to_seconds([parsed])[0]]
    if pattern is None:
        return [None] * len(found)
    times = path_times(
        Path(), [_relative(path, found) for path, _ in found], _fields(found, pattern), pattern
    )
    return [None] * len(found) if times is None else [None if time != time else time for time in times]


def _fields(found: Sequence[tuple[str, str]], pattern: str) -> list[dict[str, str]]:
    return fields([_relative(path, found) for path, _ in found], pattern)


def _relative(path: str, found: Sequence[tuple[str, str]]) -> str:
    """A path relative to the common parent folder of all sources, for the pattern."""
    places = [place for place, kind in found if kind != "stream"]
    if "://" in path:
        return _label(path)
    shared = os.path.commonpath([Path(place).parent for place in places])
    return Path(os.path.relpath(path, shared)).as_posix()


def _names(paths: Sequence[str], cameras: Sequence[str]) -> list[str]:
    """A name for every source, unique within its camera: with the parent folder, and then a hash, where needed."""
    labels = [_safe(_label(path)) for path in paths]
    keys = list(zip(cameras, labels, strict=True))
    parents = [_safe(f"{Path(path).parent.name}-{label}") for path, label in zip(paths, labels, strict=True)]
    names = [
        parent if keys.count(key) > 1 else label
        for parent, label, key in zip(parents, labels, keys, strict=True)
    ]
    keys = list(zip(cameras, names, strict=True))
    return [
        f"{name}-{sha256(path.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
        if keys.count(key) > 1
        else name
        for path, name, key in zip(paths, names, keys, strict=True)
    ]


def _safe(name: str) -> str:
    """The name with all characters replaced that are not valid in folder names and patterns; up to 100 characters."""
    plain = re.sub(
        r"[^\w.-]+", "-", name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    ).strip("-.")
    return plain[:100] or "camera"
