"""The frames of a source, upright and as 8-bit RGB, with their numbers and times."""

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
"""Seconds without data after which a stream has stalled."""

_USUAL_RATE = 25.0
"""Frames per second of a source that does not say."""

_MOST_DAMAGED = 100
"""Damaged packets in a row after which a source has ended."""


@dataclass(frozen=True)
class Frame:
    """One frame."""

    number: int
    """From 0, frames that were left out counted."""
    time: float
    """Seconds since the first frame."""
    pixels: Pixels


@dataclass
class Video:
    """An open source. Made by `open_video`; `read` goes through it once."""

    source: Source
    rate: float
    """Frames per second, by the container; frames may come at other times."""
    count: int
    """Frames, by the container; 0 where it does not say."""
    start: float | None
    """Unix time of the first frame in seconds, None where unknown."""
    notes: list[str] = field(default_factory=list)
    """What is wrong with the source, known when it was read."""
    _container: Any = None

    def read(self, every_seconds: float = 0.0) -> Iterator[Frame]:
        """Yield the frames at least `every_seconds` apart, in the order of their times.

        Damage ends neither the video nor the program: what can be decoded is yielded, the rest is a note.

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
            moment = number / self.rate
            if moment - last < every_seconds - 1e-9:
                continue
            try:
                pixels = decode(read_bytes(ImageSource(file)))
            except UnreadableError as error:
                unreadable += 1
                self.notes[:] = [f"{unreadable:,} unreadable frames, the latest is {file.name}: {error}"]
                continue
            last = moment
            yield Frame(number, moment, pixels)

    def _decoded(self, every_seconds: float) -> Iterator[Frame]:
        first, last, before = None, -math.inf, -math.inf
        tick = self._container.streams.video[0].time_base
        number = -1
        for number, frame in enumerate(_progressive(self._raw())):
            said = None if frame.pts is None else float(frame.pts * (frame.time_base or tick))
            first = (said or 0.0) if first is None else first
            expected = before + 1 / self.rate if number else 0.0
            moment = max(
                expected if said is None else said - first, before + 1e-6
            )  # no time stands still or goes back
            before = moment
            if moment - last < every_seconds - 1e-9:
                continue
            last = moment
            yield Frame(number, moment, _upright(frame))
        if self.source.kind == "video" and 0 <= number < 0.98 * self.count - 2:
            self.notes.append(f"ends after {number + 1:,} of {self.count:,} frames, truncated or damaged")

    def _raw(self) -> Iterator[Any]:
        """Decoded frames, damaged packets left out."""
        av: Any = require_package("av", "video")
        stream, packets = self._container.streams.video[0], iter(self._container.demux(video=0))
        damaged, in_a_row = 0, 0
        while in_a_row < _MOST_DAMAGED:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                yield from packet.decode()
                in_a_row = 0
            except av.error.EOFError:
                break
            except av.error.InvalidDataError:
                damaged, in_a_row = damaged + 1, in_a_row + 1
            except av.error.FFmpegError as error:
                lost = f"the stream broke off, or sent nothing for {STALL_SECONDS:g} s"
                self.notes.append(lost if self.source.kind == "stream" else f"ends early: {_reason(error)}")
                break
        if damaged:
            self.notes.append(f"{damaged:,} damaged places left out")
        with suppress(av.error.FFmpegError):
            yield from stream.codec_context.decode(None)


@contextmanager
def open_video(source: Source, image_rate: float) -> Iterator[Video]:
    """Open a source; `image_rate` is the number of frames per second of folders of frames.

    Raises:
        VideoError: it is no video, has no picture, or the stream does not answer.
        SettingsError: PyAV is not installed.
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
            raise VideoError(f"{source.shown}: holds no video stream")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = float(stream.average_rate or stream.guessed_rate or _USUAL_RATE)
        yield Video(
            source, rate, _count(container, stream, rate), _start(source, container), _container=container
        )


def spread_frames(source: Source, image_rate: float, count: int) -> list[Pixels]:
    """About `count` frames spread over a source, fewer where it has few keyframes; none of a stream.

    Raises:
        VideoError: as in `open_video`.
    """
    if source.kind == "stream":
        return []
    with open_video(source, image_rate) as video:
        if source.kind == "images":
            files = source.files()
            chosen = [files[round(place)] for place in np.linspace(0, len(files) - 1, min(count, len(files)))]
            found = []
            for file in chosen:
                with suppress(UnreadableError):  # noted when the video is read
                    found.append(decode(read_bytes(ImageSource(file))))
            return found
        found = _at_keyframes(video, count)
        if len(found) >= count // 2:
            return found
    with open_video(source, image_rate) as video:  # few keyframes: its beginning, which is what is seen first
        step = max(1.0, video.rate) / video.rate
        return [frame.pixels for _, frame in zip(range(count), video.read(step), strict=False)]


def _at_keyframes(video: Video, count: int) -> list[Pixels]:
    av: Any = require_package("av", "video")
    container, found = video._container, {}
    duration = container.duration or 0
    for place in range(count):
        try:
            container.seek(int(duration * place / count) + (container.start_time or 0))
            frame = next(container.decode(video=0), None)
        except av.error.FFmpegError:
            continue
        if frame is not None and frame.pts not in found:
            found[frame.pts] = _upright(frame)
    return list(found.values())


def _upright(frame: Any) -> Pixels:
    """A decoded frame as RGB, turned as the phone was held that took it."""
    turns = round(frame.rotation / 90) % 4  # counterclockwise, as in NumPy
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))


def _progressive(frames: Iterator[Any]) -> Iterator[Any]:
    """Frames, from the first interlaced one on without combs; the filter leaves frames alone that have none."""
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
        yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _pulled(graph: Any) -> Iterator[Any]:
    """What a filter has ready; it is a frame behind."""
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
    said = container.metadata.get("creation_time", "")
    try:
        date = datetime.fromisoformat(said)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return date.timestamp() if date.year > 1970 else None


def _reason(error: Exception) -> str:
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return words.splitlines()[0] if words else type(error).__name__
