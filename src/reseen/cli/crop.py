"""`reseen crop`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def crop(
    *sources: Annotated[str, Parameter(allow_leading_hyphen=True)],
    out: Path,
    camera: str | None = None,
    camera_pattern: str | None = None,
    start: str | None = None,
    most: Annotated[str | None, Parameter(name="--for")] = None,
    quiet: bool = False,
) -> None:
    """Find, follow and crop people in videos; write a manifest to train on or to index.

    Takes video files, folders of them, folders of frames, and streams. Every setting is also a flag, such as
    --detector yolox.onnx, --detections tracks.txt, --thin.seconds 1 or --track.lost-seconds 2. Rerun the command to
    resume after an interruption, or to add new videos.

    Parameters
    ----------
    sources
        Videos, folders of videos or of frames, or addresses of streams such as rtsp://HOST/PATH; and settings.
    out
        The folder of crops to create, or to add to.
    camera
        Name of the camera of all sources; default: each source is its own camera, named after its file.
    camera_pattern
        Where paths name the camera, and if wanted the time, such as '{camera}_{date}_{clock}.mp4'.
    start
        Time of the first frame: Unix seconds, or a date and time such as 2026-05-01T14:30 (UTC unless it has an
        offset); default: that of the file.
    most
        Length of each source to go through, such as 90s, 10m or 2h; default: all, of a stream until Ctrl-C.
    quiet
        Hide progress.
    """
    import shlex

    from reseen.cli.video_flags import check_video_flags, parse_length, split_flags
    from reseen.video.crop import crop_videos
    from reseen.video.settings import crop_settings

    named, flags = split_flags(sources)
    check_video_flags(flags, ("out", "camera", "camera-pattern", "start", "for", "quiet"))
    cropped = crop_videos(
        named,
        out,
        settings=crop_settings(flags),
        camera=camera,
        camera_pattern=camera_pattern,
        start=start,
        most_seconds=parse_length(most),
        quiet=quiet,
    )
    facts = [record.facts for record in cropped.records]
    for source in facts:
        for note in source.notes:
            print(f"{source.name}: {note}")
    for reason in cropped.unreadable:
        print(f"left out: {reason}")
    tracklets, cameras = sum(source.tracklets for source in facts), {source.camera for source in facts}
    already = f"; {cropped.skipped} of these videos were there already" if cropped.skipped else ""
    videos = "1 video" if len(facts) == 1 else f"{len(facts):,} videos"
    places = "1 camera" if len(cameras) == 1 else f"{len(cameras):,} cameras"
    print(f"{out}: {cropped.crops:,} crops of {tracklets:,} tracklets from {videos} of {places}{already}")
    print(f"Open {cropped.sheet} in a browser")
    print(f"next: reseen train auto --data {shlex.quote(str(out / cropped.manifest.name))} --out runs/mine")
