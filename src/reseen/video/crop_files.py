"""Crops of a tracklet to JPEG files."""

import os
from contextlib import suppress
from pathlib import Path

from reseen.files import create_file, make_folder, storage_error
from reseen.video.record import CropRow
from reseen.video.sources import Source
from reseen.video.tracklets import Tracklet


def write_crops(out: Path, source: Source, tracklet: Tracklet) -> list[CropRow]:
    """Write the crops of a tracklet into the folder of its camera in `out`, each synced, and return their rows.

    Raises:
        StorageError: a file cannot be written; none is left half written.
    """
    rows = []
    folder = make_folder(out / source.camera)
    for crop in tracklet.crops:
        file = folder / f"{source.name}_t{tracklet.number:05d}_f{crop.frame:07d}.jpg"
        try:
            with create_file(file) as stream:
                stream.write(crop.jpeg)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            with suppress(OSError):
                file.unlink()
            raise storage_error(file, error) from None
        path = file.relative_to(out).as_posix()
        rows.append(
            CropRow(path, tracklet.number, crop.time, crop.frame, *crop.box, crop.score, crop.sharpness)
        )
    return rows
