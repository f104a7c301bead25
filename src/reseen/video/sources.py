"""What the user names as videos, turned into single sources: files, folders of frames, streams."""

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
"""File name suffixes of videos in a folder; a file that is named itself may have any."""

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
"""File name suffixes of frames."""

STREAMS = {"rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "srt", "udp", "rtp"}
"""Schemes of addresses that are read as streams."""

_FRAME_FOLDERS = {"img1", "frames", "images"}
"""Folders that hold the frames of the folder they are in."""


@dataclass(frozen=True)
class Source:
    """One video."""

    place: str
    """Path, or address with its password."""
    kind: Literal["video", "images", "stream"]
    name: str
    """Unique among the sources of a run, and fit for a file name."""
    camera: str
    """Name of the camera, fit for a folder name."""
    start: float | None = None
    """Time of its first frame as the user gave it, in Unix seconds; None: ask the container."""

    @property
    def shown(self) -> str:
        """Path, or address without user name and password."""
        return without_password(self.place) if self.kind == "stream" else self.place

    def fingerprint(self) -> str:
        """SHA-256 (hex) of place, camera, start, and size and time of change of the files.

        Raises:
            DataError: a file has gone.
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
        """The video file, or the frames in the order of their numbers."""
        place = Path(self.place)
        return [place] if self.kind == "video" else frames_in(place)


def find_sources(
    places: Sequence[str], *, camera: str | None = None, pattern: str | None = None, start: str | None = None
) -> list[Source]:
    """The sources at some places: files, folders of videos at any depth, folders of frames, addresses of streams.

    Args:
        places: paths and addresses.
        camera: one camera for all sources; by default each has its own, named after its file.
        pattern: where paths name the camera, and if wanted the time, such as `{camera}_{date}_{clock}.mp4`.
        start: time of the first frame of the only source: Unix seconds, or a date and time.

    Raises:
        DataError: there is nothing at a place, or no video in it.
        SettingsError: camera and pattern are both given, the pattern matches nothing, or the start is no time.
    """
    if camera is not None and pattern is not None:
        raise SettingsError("--camera and --camera-pattern both name cameras; leave one out")
    found = [(path, kind) for place in places for path, kind in _at(place)]
    if not found:
        raise SettingsError("no source is given; name a video, a folder or the address of a stream")
    doubled = {path for path, _ in found if [other for other, _ in found].count(path) > 1}
    if doubled:
        raise SettingsError(f"{min(doubled)} is given twice")
    if start is not None and len(found) > 1:
        raise SettingsError(
            f"--start is the time of one video, and {len(found)} are given; let --camera-pattern read their times, "
            "such as '{camera}_{date}_{clock}.mp4'"
        )
    cameras, starts = _cameras(found, camera, pattern), _starts(found, pattern, start)
    names = _names([path for path, _ in found], cameras)
    return [
        Source(path, kind, name, own, begin)
        for (path, kind), name, own, begin in zip(found, names, cameras, starts, strict=True)
    ]


def frames_in(folder: Path) -> list[Path]:
    """The images in a folder, by the numbers in their names."""
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
    """An address without user name and password."""
    return re.sub(r"(?<=://)[^/@]*@", "", address)


def _at(place: str) -> list[tuple[str, Literal["video", "images", "stream"]]]:
    scheme, separator, _ = place.partition("://")
    if separator:
        if scheme.lower() not in STREAMS:
            raise SettingsError(
                f"{without_password(place)}: no scheme '{scheme}' is read; streams are {', '.join(sorted(STREAMS))}"
            )
        return [(place, "stream")]
    path = Path(place).expanduser().absolute()
    try:
        if path.is_file():
            return [(str(path), "video")]
        if not path.is_dir():
            reason = "no such file or folder" if not path.exists() else "neither a file nor a folder"
            raise DataError(f"{place}: {reason}; name a video, a folder of videos or frames, or rtsp://...")
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
    raise DataError(f"{folder}: holds neither a video nor frames; videos end in {', '.join(sorted(VIDEOS))}")


def _label(path: str) -> str:
    """The name of a source by itself."""
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
            raise DataError(f"{without_password(path)}: no camera in it by the pattern '{pattern}'")
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
    """A path as the pattern sees it: below the folder that all sources share."""
    places = [place for place, kind in found if kind != "stream"]
    if "://" in path:
        return _label(path)
    shared = os.path.commonpath([Path(place).parent for place in places])
    return Path(os.path.relpath(path, shared)).as_posix()


def _names(paths: Sequence[str], cameras: Sequence[str]) -> list[str]:
    """A name for every source, unique among those of its camera; the folder before it where it would not be."""
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
    """A name that can be a folder, a column of a table and a part of a pattern."""
    plain = re.sub(
        r"[^\w.-]+", "-", name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    ).strip("-.")
    return plain[:100] or "camera"
