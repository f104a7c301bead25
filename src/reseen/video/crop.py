"""`crop_videos`: videos to a folder of crops with a manifest. What the command `reseen crop` does."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from reseen.data.progress import ProgressBar
from reseen.errors import DataError, StorageError, VideoError
from reseen.files import make_folder
from reseen.locks import LOCK, exclusive_lock
from reseen.video.crop_files import (
    COUNTS,
    CroppedVideos,
    detector_name,
    nothing_found,
    write_crops,
    write_manifest,
)
from reseen.video.detection_files import file_of
from reseen.video.frames import Video, open_video
from reseen.video.record import (
    RECORDS,
    CropRow,
    SourceFacts,
    read_record,
    read_records,
    record_path,
    write_record,
)
from reseen.video.settings import CropSettings
from reseen.video.sheet import write_sheet
from reseen.video.sources import Source, find_sources
from reseen.video.tracker import Following


def crop_videos(
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    settings: CropSettings | None = None,
    camera: str | None = None,
    camera_pattern: str | None = None,
    start: str | None = None,
    most_seconds: float | None = None,
    quiet: bool = False,
) -> CroppedVideos:
    """Find and follow people in videos, and write their crops and a manifest into the folder `out`.

    Sources that are in `out` already, unchanged and by the same settings, are not gone through again, so that the same
    call goes on after an interruption and adds new recordings. Ctrl-C keeps what was cropped; a source that it
    interrupts is begun anew next time, but for a stream, which it ends.

    Args:
        sources: videos, folders of videos or of frames, addresses of streams.
        out: a new folder, or one that this function made.
        settings: how people are found, followed and cropped.
        camera: one camera for all sources; by default each has its own, named after its file.
        camera_pattern: where paths name the camera, and if wanted the time.
        start: time of the first frame of the only source, Unix seconds or a date and time.
        most_seconds: seconds of each source after which it ends.
        quiet: show no progress.

    Returns:
        What is in `out` now.

    Raises:
        VideoError: no source can be read as a video.
        DataError: a source or file does not exist, a file of boxes is of another video, `out` holds something else, or
            no crop came of all sources; the files are written all the same.
        SettingsError: settings do not fit, or a package is missing.
        WeightsError: a network cannot be used.
        StorageError: `out` cannot be written, or another process writes into it; what the manifest lists is whole.

    Example:
        >>> cropped = crop_videos(["videos"], "crops")
        >>> reseen.train(reseen.load_recipe(), cropped.manifest, "runs/mine")
    """
    settings = settings or CropSettings()
    folder = Path(out).expanduser().absolute()
    found = find_sources(list(map(str, sources)), camera=camera, pattern=camera_pattern, start=start)
    _refuse_other_content(folder)

    def busy(process: str) -> StorageError:
        return StorageError(f"{folder}: another process (ID {process}) writes crops into this folder")

    with exclusive_lock(make_folder(folder) / LOCK, busy, remove=True):
        make_folder(folder / RECORDS)
        skipped, left_out = _crop_all(found, folder, settings, most_seconds, quiet)
        records = tuple(read_records(folder))
    if left_out and len(left_out) == len(found):
        raise VideoError(
            left_out[0] if len(found) == 1 else f"none of {len(found)} videos can be read: {left_out[0]}"
        )
    result = CroppedVideos(folder, records, skipped, tuple(left_out))
    if not result.crops:
        raise DataError(nothing_found(result, settings))
    return result


def _crop_all(
    sources: Sequence[Source], out: Path, settings: CropSettings, most_seconds: float | None, quiet: bool
) -> tuple[int, list[str]]:
    """Go through the sources; the number of those that were done already, and those that cannot be read."""
    skipped, left_out = 0, []
    waiting = [(source, _fingerprint(source, settings, most_seconds)) for source in sources]
    total = 0
    for source, fingerprint in waiting:
        if source.kind != "stream" and not _is_done(out, source, fingerprint):
            with suppress(VideoError), open_video(source, settings.image_rate) as video:
                limit = video.count if most_seconds is None else round(most_seconds * video.rate)
                total += min(video.count, limit)
    try:
        with ProgressBar("Cropping", total, show=not quiet) as bar:
            for source, fingerprint in waiting:
                if _is_done(out, source, fingerprint):
                    skipped += 1
                    continue
                try:
                    _crop_source(source, fingerprint, out, settings, most_seconds, bar)
                except VideoError as error:
                    left_out.append(str(error))
    finally:  # after an interruption too, so that the manifest lists what is there
        records = read_records(out)
        write_manifest(out, records)
        write_sheet(out, records, {"detector": detector_name(settings), "tracker": settings.track.by})
    return skipped, left_out


def _crop_source(
    source: Source,
    fingerprint: str,
    out: Path,
    settings: CropSettings,
    most_seconds: float | None,
    bar: ProgressBar,
) -> None:
    with open_video(source, settings.image_rate) as video:
        if source.kind == "stream":  # every connection is a recording of its own
            name = f"{source.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
            video.source = source = replace(source, name=name)
        _remove_crops(out, source)
        following, rows = Following(video, settings, most_seconds), list[CropRow]()
        complete, shown = False, 0
        try:
            for tracklet in following.tracklets():
                rows += write_crops(out, source, tracklet)
                if following.position > shown:
                    bar.advance(following.position - shown)
                    shown = following.position
            complete = True
        except KeyboardInterrupt:
            complete = source.kind == "stream"
            if not complete:
                raise
        finally:
            if following.frames:
                for tracklet in following.collector.finish():
                    rows += write_crops(out, source, tracklet)
                write_record(out, _facts(video, following, rows, fingerprint, complete), rows)


def _facts(
    video: Video, following: Following, rows: Sequence[CropRow], fingerprint: str, complete: bool
) -> SourceFacts:
    source, collector = video.source, following.collector
    return SourceFacts(
        name=source.name,
        camera=source.camera,
        place=source.shown,
        fingerprint=fingerprint,
        complete=complete,
        start=video.start,
        frames=following.frames,
        seconds=following.seconds,
        boxes=following.boxes,
        tracklets=len({row.tracklet for row in rows}),
        crops=len(rows),
        dropped_short=collector.short,
        dropped_bare=collector.bare,
        notes=tuple(video.notes),
    )


def _fingerprint(source: Source, settings: CropSettings, most_seconds: float | None) -> str:
    text = f"{source.fingerprint()}\0{settings.model_dump_json()}\0{most_seconds}"
    boxes = settings.detections
    with suppress(DataError):
        boxes = None if boxes is None else file_of(boxes.expanduser(), source)
    for file in (boxes, settings.onnx.file, settings.torchvision.weights):
        with suppress(OSError):
            text += f"\0{file.stat().st_mtime_ns}" if file is not None else ""
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _is_done(out: Path, source: Source, fingerprint: str) -> bool:
    record = read_record(record_path(out, source.camera, source.name))
    return record is not None and record.facts.complete and record.facts.fingerprint == fingerprint


def _remove_crops(out: Path, source: Source) -> None:
    """Remove what an earlier, interrupted or different pass has left of a source."""
    record_path(out, source.camera, source.name).unlink(missing_ok=True)
    folder = out / source.camera
    if folder.is_dir():
        ours = re.compile(rf"{re.escape(source.name)}_t\d+_f\d+\.jpg")
        for file in folder.iterdir():
            if ours.fullmatch(file.name):
                file.unlink()


def _refuse_other_content(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: expected a folder for the crops, found a file; choose another name")
    content = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    if content - {LOCK} and not content & {RECORDS, COUNTS}:
        raise DataError(
            f"{out}: expected a new or empty folder or one of `reseen crop`, found '{min(content)}' in it; choose "
            "another folder"
        )
