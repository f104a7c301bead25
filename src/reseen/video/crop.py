"""`crop_videos`: crops people from videos into a folder with a manifest, as `reseen crop` does."""

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
    explain_no_crops,
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
from reseen.video.tracker import VideoPass


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
    """Detect and track people in videos, and write their crops and a manifest into the folder `out`.

    Sources that were processed before, unchanged and with the same settings, are skipped. The same call therefore
    resumes after an interruption, and adds new recordings. Ctrl-C keeps the crops so far: an interrupted file is
    processed from its beginning next time, an interrupted stream is complete.

    Args:
        sources: videos, folders of videos or of frames, URLs of streams.
        out: a new folder, or one that this function created.
        settings: detection, tracking and selection of crops.
        camera: one camera for all sources; by default each source has its own, named after its file.
        camera_pattern: pattern of the camera and optionally the time in a path, such as `{camera}_{date}_{clock}.mp4`.
        start: time of the first frame if there is one source: Unix seconds, or a date and time.
        most_seconds: maximum duration of each source in seconds; None for all.
        quiet: hide progress.

    Returns:
        The content of `out`, including sources of earlier calls.

    Raises:
        VideoError: no source can be read as a video.
        DataError: a source or file does not exist, a file of boxes belongs to another video, `out` contains other
            files, or no source has a crop; files are written in the last case too.
        SettingsError: settings are invalid, or a package is missing.
        WeightsError: a detection network cannot be used.
        StorageError: `out` cannot be written, or another process writes into it; crops in the manifest are complete.

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
        skipped, unreadable = _crop_all(found, folder, settings, most_seconds, quiet)
        records = tuple(read_records(folder))
    if unreadable and len(unreadable) == len(found):
        raise VideoError(
            unreadable[0] if len(found) == 1 else f"none of {len(found)} videos can be read: {unreadable[0]}"
        )
    result = CroppedVideos(folder, records, skipped, tuple(unreadable))
    if not result.crops:
        raise DataError(explain_no_crops(result, settings))
    return result


def _crop_all(
    sources: Sequence[Source], out: Path, settings: CropSettings, most_seconds: float | None, quiet: bool
) -> tuple[int, list[str]]:
    """Process all sources; returns the number of skipped ones, and error messages of unreadable ones."""
    skipped, unreadable = 0, []
    fingerprints = [(source, _fingerprint(source, settings, most_seconds)) for source in sources]
    total = 0
    for source, fingerprint in fingerprints:
        if source.kind != "stream" and not _is_done(out, source, fingerprint):
            with suppress(VideoError), open_video(source, settings.image_rate) as video:
                limit = video.count if most_seconds is None else round(most_seconds * video.rate)
                total += min(video.count, limit)
    try:
        with ProgressBar("Cropping", total, show=not quiet) as bar:
            for source, fingerprint in fingerprints:
                if _is_done(out, source, fingerprint):
                    skipped += 1
                    continue
                try:
                    _crop_source(source, fingerprint, out, settings, most_seconds, bar)
                except VideoError as error:
                    unreadable.append(str(error))
    finally:  # after an interruption too, so that the manifest is up to date
        records = read_records(out)
        write_manifest(out, records)
        write_sheet(out, records, {"detector": detector_name(settings), "tracker": settings.track.by})
    return skipped, unreadable


def _crop_source(
    source: Source,
    fingerprint: str,
    out: Path,
    settings: CropSettings,
    most_seconds: float | None,
    bar: ProgressBar,
) -> None:
    with open_video(source, settings.image_rate) as video:
        if source.kind == "stream":  # every connection is a separate recording
            name = f"{source.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
            video.source = source = replace(source, name=name)
        _remove_crops(out, source)
        video_pass, rows = VideoPass(video, settings, most_seconds), list[CropRow]()
        complete, shown = False, 0
        try:
            for tracklet in video_pass.tracklets():
                rows += write_crops(out, source, tracklet)
                if video_pass.position > shown:
                    bar.advance(video_pass.position - shown)
                    shown = video_pass.position
            complete = True
        except KeyboardInterrupt:
            complete = source.kind == "stream"
            if not complete:
                raise
        finally:
            if video_pass.frames:
                for tracklet in video_pass.collector.finish():
                    rows += write_crops(out, source, tracklet)
                write_record(out, _facts(video, video_pass, rows, fingerprint, complete), rows)


def _facts(
    video: Video, video_pass: VideoPass, rows: Sequence[CropRow], fingerprint: str, complete: bool
) -> SourceFacts:
    source, collector = video.source, video_pass.collector
    return SourceFacts(
        name=source.name,
        camera=source.camera,
        place=source.shown,
        fingerprint=fingerprint,
        complete=complete,
        start=video.start,
        frames=video_pass.frames,
        seconds=video_pass.seconds,
        boxes=video_pass.boxes,
        tracklets=len({row.tracklet for row in rows}),
        crops=len(rows),
        dropped_short=collector.too_short,
        dropped_bare=collector.without_crop,
        notes=tuple(video.notes),
        width=video_pass.width,
        height=video_pass.height,
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
    """Remove the record and the crops of a source that an earlier call has written."""
    record_path(out, source.camera, source.name).unlink(missing_ok=True)
    folder = out / source.camera
    if folder.is_dir():
        crop_name = re.compile(rf"{re.escape(source.name)}_t\d+_f\d+\.jpg")
        for file in folder.iterdir():
            if crop_name.fullmatch(file.name):
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
