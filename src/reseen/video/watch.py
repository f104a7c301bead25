"""`Watcher`: searches a gallery for people in a live video, as `reseen watch` does.

stream -> frames -> boxes -> tracks -> a finished tracklet -> its mean embedding -> the nearest tracklets of a gallery
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from reseen.errors import DataError, SettingsError, StorageError, VideoError
from reseen.files import make_folder, write_text
from reseen.gallery.gallery import open_gallery
from reseen.locks import LOCK, acquire
from reseen.pages.album import evenly_spaced
from reseen.reading import read_json
from reseen.runs.run import Run
from reseen.video.crop_files import write_crops
from reseen.video.frames import open_video
from reseen.video.recognizer import Recognizer
from reseen.video.settings import CropSettings
from reseen.video.sources import Source, find_sources
from reseen.video.tracker import VideoPass
from reseen.video.tracklets import TrackCrop, Tracklet
from reseen.video.watch_event import WatchEvent

STATE = "watch.json"
"""File with the number of tracklets so far, in the folder of crops."""

CROPS = 8
"""Maximum number of crops of a tracklet that are embedded and written, evenly spaced in time."""

_RECONNECT_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Delay before reconnecting to a stream, by the number of consecutive failures."""


class Watcher:
    """Tracks people in one video or stream, and searches a gallery for each when the tracklet has ended.

    Memory does not grow with time: a tracklet has a bounded number of crops, and is released when it has ended. Use it
    in a `with` block.

    Example:
        >>> with reseen.Watcher("galleries/mine", "rtsp://door/live", "watched") as watcher:
        ...     for event in watcher.events():
        ...         print(event.person, event.score, event.crop)
    """

    def __init__(
        self,
        gallery: str | Path,
        source: str | Path,
        out: str | Path,
        *,
        settings: CropSettings | None = None,
        camera: str | None = None,
        start: str | None = None,
        most_seconds: float | None = None,
        threshold: float | None = None,
        add: bool = False,
        loop: bool = False,
        run: Run | str | Path | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Open the gallery and the folder of crops.

        Args:
            gallery: address of a gallery created by `reseen index`.
            source: a video file, a folder of frames, or the URL of a stream.
            out: folder for the crops: a new one, or that of an earlier watcher.
            settings: detection, tracking and selection of crops.
            camera: name of the camera; by default that of the file or stream.
            start: time of the first frame of a recording: Unix seconds, or a date and time.
            most_seconds: maximum duration of the video in seconds; None for no limit.
            threshold: minimum cosine similarity, -1 to 1, of a crop in the gallery to identify the person; None for
                that of the gallery's calibration, or without a calibration for no minimum.
            add: add the crops to the gallery, so that later searches find them.
            loop: start again when the source ends: repeat a recording, or reconnect to a stream.
            run: the run of the gallery's model, if its folder was moved.
            say: called with messages for the user, for example when a stream is interrupted.

        Raises:
            GalleryError: the gallery does not exist or is in use, or its model is missing.
            DataError: the source does not exist, or `out` contains other files.
            SettingsError: several sources are given, or the threshold is out of range.
            StorageError: `out` cannot be written, or another process writes into it.
        """
        if threshold is not None and not -1 <= threshold <= 1:
            raise SettingsError(f"threshold must be a cosine similarity from -1 to 1, got {threshold:g}")
        self._source = _one_source(str(source), camera, start)
        self._settings = settings or CropSettings()
        self._most_seconds, self._loop, self._say = most_seconds, loop, say
        self._out = Path(out).expanduser().absolute()
        self.seconds, self.frames, self.tracklets = 0.0, 0, 0
        """Duration of the video so far, processed frames, and tracklets."""
        self._video_pass: VideoPass | None = None
        self._start: float | None = None
        self._recording = self._source
        self._stack = ExitStack()
        try:
            self._before = _open_folder(self._out, self._stack)
            opened = self._stack.enter_context(open_gallery(gallery, run))
            _ = opened.encoder  # loaded now, so that an error does not wait for the first tracklet
            for note in opened.notes:
                say(note)
            self._recognizer = Recognizer(opened, threshold, add)
        except BaseException:
            self._stack.close()
            raise

    @property
    def threshold(self) -> float | None:
        """Minimum cosine similarity to identify a person; None for no minimum."""
        return self._recognizer.threshold

    @property
    def search_seconds(self) -> float:
        """Mean duration of the gallery searches so far, in seconds."""
        return self._recognizer.search_seconds / max(self._recognizer.searches, 1)

    @property
    def is_stream(self) -> bool:
        """Whether the source is a stream."""
        return self._source.kind == "stream"

    def events(self) -> Iterator[WatchEvent]:
        """Yield an event for every tracklet when it ends, until the source ends.

        Raises:
            VideoError: the source cannot be read; with `loop`, only if a stream was never readable.
            DataError: a file of boxes cannot be read, or belongs to another video.
            WeightsError: a detection network cannot be used.
            StorageError: a crop cannot be written.
        """
        failures, connected = 0, False
        while True:
            try:
                yield from self._pass()
                failures, connected = 0, True
            except VideoError as error:
                if not (self._loop and connected and self.is_stream):
                    raise
                failures += 1
                self._say(str(error))
            if not self._loop or not self._remaining():
                return
            if self.is_stream:
                time.sleep(_RECONNECT_SECONDS[min(failures, len(_RECONNECT_SECONDS) - 1)])

    def finish(self) -> Iterator[WatchEvent]:
        """Yield the events of open tracklets, for example after Ctrl-C; `events` does so itself at the end."""
        video_pass, self._video_pass = self._video_pass, None
        if video_pass is None:
            return
        self.seconds += video_pass.seconds + 1 / video_pass.video.rate  # the last frame has a duration too
        self.frames += video_pass.frames
        for tracklet in video_pass.collector.finish():
            yield self._event(tracklet)

    def close(self) -> None:
        """Close the gallery and unlock the folder; further calls have no effect."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pass(self) -> Iterator[WatchEvent]:
        """Process the source once."""
        limit = None if self._most_seconds is None else self._most_seconds - self.seconds
        with open_video(self._source, self._settings.image_rate) as video:
            self._recording = self._source
            if self.is_stream:  # every connection is a separate recording
                name = f"{self._source.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
                self._recording = video.source = replace(self._source, name=name)
            self._start = (video.start or 0.0) + (0.0 if self.is_stream else self.seconds)
            self._video_pass = video_pass = VideoPass(video, self._settings, limit)
            try:
                for tracklet in video_pass.tracklets():
                    yield self._event(tracklet)
            finally:
                for note in video.notes:
                    self._say(f"{self._recording.name}: {note}")
            yield from self.finish()

    def _remaining(self) -> bool:
        return self._most_seconds is None or self.seconds < self._most_seconds - 1e-6

    def _event(self, ended: Tracklet) -> WatchEvent:
        """Search the gallery for a tracklet, write its crops, and count it."""
        self.tracklets += 1
        tracklet = replace(ended, number=self._before + self.tracklets, crops=_spread_crops(ended, CROPS))
        jpegs = [crop.jpeg for crop in tracklet.crops]
        vectors = self._recognizer.embed(jpegs)
        best, identified = self._recognizer.recognize(vectors)
        rows = write_crops(self._out, self._recording, tracklet)
        write_text(self._out / STATE, json.dumps({"tracklets": tracklet.number}) + "\n")
        start = self._start or 0.0
        self._recognizer.add_to_gallery(self._out, self._recording.camera, start, rows, jpegs, vectors)
        shown = identified or best
        sharpest = max(rows, key=lambda row: row.sharpness)
        return WatchEvent(
            self._recording.camera,
            tracklet.number,
            start + tracklet.first,
            start + tracklet.last,
            tracklet.frames,
            self._out / sharpest.path,
            tuple(self._out / row.path for row in rows),
            None if identified is None else identified.entry.cluster,
            None if shown is None else shown.similarity,
            None if shown is None else shown.probability,
            best,
            time.time() - start - tracklet.last if self.is_stream else None,
        )


def _spread_crops(tracklet: Tracklet, most: int) -> list[TrackCrop]:
    """Up to `most` crops of a tracklet, evenly spaced."""
    return [tracklet.crops[index] for index in evenly_spaced(range(len(tracklet.crops)), most)]


def _one_source(place: str, camera: str | None, start: str | None) -> Source:
    found = find_sources([place], camera=camera, start=start)
    if len(found) > 1:
        raise SettingsError(
            f"{place}: contains {len(found)} videos, but only one can be watched; give one, or crop all with "
            "`reseen crop`"
        )
    return found[0]


def _open_folder(out: Path, stack: ExitStack) -> int:
    """Lock the folder of crops; returns the number of tracklets that earlier watchers have written."""
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: expected a folder for the crops, found a file; choose another name")
    content = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    if content - {LOCK} and STATE not in content:
        raise DataError(
            f"{out}: expected a new or empty folder or one of `reseen watch`, found '{min(content)}' in it; choose "
            "another folder"
        )
    try:
        lock = acquire(make_folder(out) / LOCK)
    except BlockingIOError as holder:
        raise StorageError(f"{out}: another process (ID {holder}) writes crops into this folder") from None
    stack.callback(lock.release, True)
    if STATE not in content:
        write_text(out / STATE, json.dumps({"tracklets": 0}) + "\n")
        return 0
    try:
        count = read_json(out / STATE)["tracklets"]
        if not isinstance(count, int) or count < 0:
            raise ValueError("tracklets is not a count")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{out / STATE}: damaged ({error}); choose another folder for the crops") from None
    return count
