"""Decodes the frames of a source as 8-bit RGB, rotated upright, with frame numbers and times."""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from reseen.data.decode import UnreadableError, decode, read_bytes
from reseen.data.table import ImageSource
from reseen.errors import VideoError
from reseen.optional_dependencies import require_package
from reseen.video.boxes import Pixels
from reseen.video.sources import Source

STALL_SECONDS = 20.0
"""Timeout of a stream: seconds without data."""

_DEFAULT_RATE = 25.0
"""Frames per second if the container does not state it."""

_MOST_DAMAGED = 100
"""Number of consecutive damaged packets after which decoding ends."""


@dataclass(frozen=True)
class Frame:
    """One frame."""

    number: int
    """Frame number in the source from 0, counting skipped frames."""
    time: float
    """Seconds since the first frame."""
    pixels: Pixels


@dataclass
class Video:
    """An open source, created by `open_video`. It can be read once."""

    source: Source
    rate: float
    """Frames per second, as the container states; actual times may differ."""
    count: int
    """Number of frames, as the container states; 0 if unknown."""
    start: float | None
    """Unix time of the first frame in seconds; None if unknown."""
    notes: list[str] = field(default_factory=list)
    """Problems found while reading."""
    _container: Any = None

    def read(self, every_seconds: float = 0.0) -> Iterator[Frame]:
        """Yield frames in temporal order, at least `every_seconds` apart.

        Damaged parts are skipped and added to `notes`.

        Raises:
            VideoError: no frame can be decoded.
        """
        frames = self._images(every_seconds) if self.source.kind == "images" else self._decoded(every_seconds)
        number = -1
        for frame in frames:
            number = frame.number
            yield frame
        if number < 0:
            reason = f": {self.notes[-1]}" if self.notes else ""
            raise VideoError(f"{self.source.shown}: no frame can be decoded{reason}")

    def _images(self, every_seconds: float) -> Iterator[Frame]:
        last = -math.inf
        unreadable = 0
        for number, file in enumerate(self.source.files()):
            time = number / self.rate
            if time - last < every_seconds - 1e-9:
                continue
            try:
                pixels = decode(read_bytes(ImageSource(file)))
            except UnreadableError as error:
                unreadable += 1
                self.notes[:] = [f"{unreadable:,} unreadable frames, the latest is {file.name}: {error}"]
                continue
            last = time
            yield Frame(number, time, pixels)

    def _decoded(self, every_seconds: float) -> Iterator[Frame]:
        first, last, before = None, -math.inf, -math.inf
        time_base = self._container.streams.video[0].time_base
        number = -1
        for number, frame in enumerate(_deinterlaced(self._raw())):
            timestamp = None if frame.pts is None else float(frame.pts * (frame.time_base or time_base))
            first = (timestamp or 0.0) if first is None else first
            expected = before + 1 / self.rate if number else 0.0
            # times must increase strictly
            time = max(expected if timestamp is None else timestamp - first, before + 1e-6)
            before = time
            if time - last < every_seconds - 1e-9:
                continue
            last = time
            yield Frame(number, time, _to_rgb(frame))
        if self.source.kind == "video" and 0 <= number < 0.98 * self.count - 2:
            self.notes.append(f"ends after {number + 1:,} of {self.count:,} frames, truncated or damaged")

    def _raw(self) -> Iterator[Any]:
        """Decoded frames, without those of damaged packets."""
        av: Any = require_package("av", "video")
        stream, packets = self._container.streams.video[0], iter(self._container.demux(video=0))
        damaged, consecutive = 0, 0
        while consecutive < _MOST_DAMAGED:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                yield from packet.decode()
                consecutive = 0
            except av.error.EOFError:
                break
            except av.error.InvalidDataError:
                damaged, consecutive = damaged + 1, consecutive + 1
            except av.error.FFmpegError as error:
                lost = f"the stream was interrupted, or sent nothing for {STALL_SECONDS:g} s"
                self.notes.append(lost if self.source.kind == "stream" else f"ends early: {_reason(error)}")
                break
        if damaged:
            self.notes.append(f"{damaged:,} damaged packets skipped")
        with suppress(av.error.FFmpegError):
            yield from stream.codec_context.decode(None)


@contextmanager
def open_video(source: Source, image_rate: float) -> Iterator[Video]:
    """Open a source.

    Args:
        source: the source.
        image_rate: frames per second of a folder of frames.

    Raises:
        VideoError: the file is not a video, has no video stream, or the stream does not respond.
        SettingsError: PyAV is not installed.

    Example:
        >>> with open_video(find_sources(["hall.mp4"])[0], image_rate=25.0) as video:
        ...     times = [frame.time for frame in video.read(every_seconds=1.0)]
    """
    if source.kind == "images":
        yield Video(source, image_rate, len(source.files()), source.start)
        return
    av: Any = require_package("av", "video")
    av.logging.set_level(None)
    try:
        options = {"rtsp_transport": "tcp"} if source.place.lower().startswith("rtsp") else {}
        timeout = (STALL_SECONDS, STALL_SECONDS) if source.kind == "stream" else None
        container = av.open(source.place, options=options, timeout=timeout)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{source.shown}: cannot be opened as a video ({_reason(error)})") from None
    with container:
        if not container.streams.video:
            raise VideoError(f"{source.shown}: has no video stream")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = float(stream.average_rate or stream.guessed_rate or _DEFAULT_RATE)
        yield Video(
            source, rate, _count(container, stream, rate), _start(source, container), _container=container
        )


def spread_frames(source: Source, image_rate: float, count: int) -> list[Pixels]:
    """About `count` evenly spaced frames of a source, fewer if it has few keyframes; none for a stream.

    Args:
        source: the source.
        image_rate: frames per second of a folder of frames.
        count: number of frames.

    Raises:
        VideoError: as in `open_video`.
    """
    if source.kind == "stream":
        return []
    with open_video(source, image_rate) as video:
        if source.kind == "images":
            files = source.files()
            indices = np.linspace(0, len(files) - 1, min(count, len(files)))
            frames = []
            for file in [files[round(index)] for index in indices]:
                with suppress(UnreadableError):  # reported when the video is read
                    frames.append(decode(read_bytes(ImageSource(file))))
            return frames
        frames = _keyframes(video, count)
        if len(frames) >= count // 2:
            return frames
    with open_video(source, image_rate) as video:  # few keyframes: one frame per second from the beginning
        step = max(1.0, video.rate) / video.rate
        return [frame.pixels for _, frame in zip(range(count), video.read(step), strict=False)]


def _keyframes(video: Video, count: int) -> list[Pixels]:
    av: Any = require_package("av", "video")
    container, frames = video._container, {}
    duration = container.duration or 0
    for index in range(count):
        try:
            container.seek(int(duration * index / count) + (container.start_time or 0))
            frame = next(container.decode(video=0), None)
        except av.error.FFmpegError:
            continue
        if frame is not None and frame.pts not in frames:
            frames[frame.pts] = _to_rgb(frame)
    return list(frames.values())


def _to_rgb(frame: Any) -> Pixels:
    """A decoded frame as RGB, rotated upright by its metadata."""
    turns = round(frame.rotation / 90) % 4  # counterclockwise, as in NumPy
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))


def _deinterlaced(frames: Iterator[Any]) -> Iterator[Any]:
    """Frames, deinterlaced from the first interlaced one on; the filter does not change progressive frames."""
    av: Any = require_package("av", "video")
    graph = None
    for frame in frames:
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        if graph is None:
            graph = av.filter.Graph()
            graph.link_nodes(
                graph.add_buffer(
                    width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
                ),
                graph.add("yadif", "mode=send_frame:deint=interlaced"),
                graph.add("buffersink"),
            ).configure()
        graph.push(frame)
        yield from _pull(graph)
    if graph is not None:
        graph.push(None)
        yield from _pull(graph)


def _pull(graph: Any) -> Iterator[Any]:
    """Yield the frames that a filter graph has ready; it lags one frame behind."""
    av: Any = require_package("av", "video")
    with suppress(av.error.BlockingIOError, av.error.EOFError):
        while True:
            yield graph.pull()


def _count(container: Any, stream: Any, rate: float) -> int:
    if stream.frames:
        return int(stream.frames)
    return round(container.duration / 1e6 * rate) if container.duration else 0


def _start(source: Source, container: Any) -> float | None:
    if source.start is not None:
        return source.start
    if source.kind == "stream":
        return datetime.now(UTC).timestamp()
    creation_time = container.metadata.get("creation_time", "")
    try:
        date = datetime.fromisoformat(creation_time)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return date.timestamp() if date.year > 1970 else None


def _reason(error: Exception) -> str:
    message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return message.splitlines()[0] if message else type(error).__name__
