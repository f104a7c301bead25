"""`reseen watch`."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from reseen.video.watch import Watcher


def watch(
    gallery: str,
    source: str,
    *settings: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    out: Path,
    to: str = "-",
    camera: str | None = None,
    start: str | None = None,
    most: Annotated[str | None, Parameter(name="--for")] = None,
    threshold: float | None = None,
    add: Annotated[bool, Parameter(negative=())] = False,
    loop: Annotated[bool, Parameter(negative=())] = False,
    run: Path | None = None,
    quiet: bool = False,
) -> int:
    """Follow people through a stream and look each up in a gallery; one line of JSON per tracklet that has ended.

    Takes the settings of `reseen crop` as flags, such as --detector yolox.onnx or --track.lost-seconds 2. Ctrl-C ends
    it, with a line for everybody who is still in view.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    source
        The address of a stream, such as rtsp://HOST/PATH; or a video, or a folder of frames.
    out
        The folder for crops of the people: new, or one of this command.
    to
        Where lines go: - for standard output, a file to add to, or mqtt://USER:PASSWORD@HOST:1883/TOPIC (mqtts:// for
        an encrypted connection).
    camera
        Name of the camera; default: that of the file or stream.
    start
        Time of the first frame of a recording: Unix seconds, or a date and time such as 2026-05-01T14:30 (UTC unless it
        has an offset); default: that of the file.
    most
        Length of video after which to end, such as 90s, 10m or 2h.
    threshold
        Cosine similarity from which a person is named; default: that of the gallery's calibration, and without one the
        nearest crop names the person, however far it is.
    add
        Add the crops to the gallery, so that later searches find them.
    loop
        Begin again when the source ends: play a recording again, connect to a stream again.
    run
        The model's run folder, if it was moved since indexing.
    quiet
        Print no messages beside the lines.
    """
    from reseen.gallery.in_use import refuse_if_in_use

    refuse_if_in_use(gallery)  # before torch is imported
    from reseen.cli.video_flags import check_video_flags, parse_length
    from reseen.text import printable
    from reseen.video.settings import crop_settings
    from reseen.video.sinks import open_sink
    from reseen.video.watch import Watcher

    options = ("out", "to", "camera", "start", "for", "threshold", "add", "loop", "run", "quiet")
    check_video_flags(settings, options)
    chosen, most_seconds = crop_settings(settings), parse_length(most)

    def say(message: str) -> None:
        if not quiet:
            print(printable(message), file=sys.stderr, flush=True)

    began = time.monotonic()
    with Watcher(
        gallery, source, out, settings=chosen, camera=camera, start=start, most_seconds=most_seconds,
        threshold=threshold, add=add, loop=loop, run=run, say=say,
    ) as watcher:  # fmt: skip
        if watcher.threshold is None:
            say(
                "no threshold: the nearest crop names the person, however far it is; answer questions in "
                "`reseen view`, or give --threshold"
            )
        sink = open_sink(to)
        interrupted = False
        try:
            try:
                for event in watcher.events():
                    sink.send(event.line)
            except KeyboardInterrupt:
                interrupted = True
            for event in watcher.finish():
                sink.send(event.line)
        finally:
            sink.close()
        say(_summary(watcher, time.monotonic() - began))
    return 130 if interrupted and not watcher.is_stream else 0


def _summary(watcher: "Watcher", seconds: float) -> str:
    return (
        f"{watcher.tracklets:,} tracklets in {watcher.frames:,} frames, {watcher.seconds:,.0f} s of video; "
        f"{watcher.frames / max(seconds, 1e-9):,.0f} frames/s, {1000 * watcher.search_seconds:.1f} ms a search"
    )
