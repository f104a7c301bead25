"""Drawing of a crowd on video into a folder: a video and a file of exact tracks for each camera."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from reseen.data.progress import ProgressBar
from reseen.errors import DataError, StorageError
from reseen.files import make_folder
from reseen.locks import exclusive_lock
from reseen.optional_dependencies import require_package
from reseen.synthetic.drawn_frames import DrawnFrame, draw_frames
from reseen.synthetic.walk import CrowdVideoPlan

TRUTH = "ground-truth"
"""Folder of the exact tracks, one text file in the format of MOTChallenge for each camera."""

_MARKER = "crowd-video.json"
_QUALITY = 3
"""Quantizer of MPEG-4, 1 (best) to 31."""


@dataclass(frozen=True)
class CrowdVideoCounts:
    """Numbers of what was drawn."""

    videos: int
    frames: int
    """Of all videos together."""
    people: int
    """People who are seen in at least one frame."""
    boxes: int
    """Exact boxes, one for every person in every frame."""


def draw_crowd_video(
    out: Path,
    people: int = 8,
    cameras: int = 3,
    seed: int = 0,
    *,
    seconds: float = 20.0,
    frame_rate: int = 10,
    height: int = 360,
    width: int = 640,
    progress: bool = True,
) -> CrowdVideoCounts:
    """Draw a crowd on video into the folder `out`: `camera1.mp4` and so on, and exact tracks in `ground-truth`.

    Every person walks once through the view of every camera, and keeps the same number in all of them. Frames are
    `height` x `width` pixels. A file of tracks has a line for every person in every frame, in the format of
    MOTChallenge: frame from 1, person, left, top, width and height in pixels, 1, 1, visibility (0 to 1). The same
    settings give the same frames and tracks. Videos are drawn in a temporary folder that is renamed to `out` at the
    end. A different crowd on video in `out` is replaced; the same one is kept.

    Raises:
        SettingsError: a setting is out of range, or PyAV, which writes the videos, is not installed.
        DataError: `out` is a file, or a folder with other content.
        StorageError: `out` cannot be written, another process is drawing into it, or the disk is full.

    Example:
        >>> counts = draw_crowd_video(Path("videos"), people=6, cameras=2, seconds=8)
        >>> counts.frames
        160
    """
    plan = CrowdVideoPlan(people, cameras, seed, seconds, frame_rate, height, width)
    require_package("av", "video")
    out = Path(out).expanduser().absolute()
    _refuse_other_content(out)
    done = _read_marker(out)
    if done is not None and done["plan"] == plan.as_dict():
        return CrowdVideoCounts(**done["counts"])

    def busy(process: str) -> StorageError:
        return StorageError(
            f"{out}: another process (ID {process}) is drawing into this folder; wait for it, or choose another folder"
        )

    with exclusive_lock(make_folder(out.parent) / f".{out.name}.lock", busy, remove=True):
        return _draw_and_rename(out, plan, progress)


def crowd_video_exists(out: Path, people: int, cameras: int, seed: int, *, seconds: float) -> bool:
    """Whether `out` contains exactly this crowd on video, complete and with all other settings at their defaults.

    Raises:
        SettingsError: a setting is out of range.
    """
    done = _read_marker(out)
    return done is not None and done["plan"] == CrowdVideoPlan(people, cameras, seed, seconds).as_dict()


def truth_lines(number: int, frame: DrawnFrame) -> Iterator[str]:
    """The lines of a MOTChallenge file for frame `number` (from 1)."""
    for drawn in sorted(frame.people, key=lambda drawn: drawn.person):
        left, top, right, bottom = drawn.box
        yield (
            f"{number},{drawn.person},{left:.1f},{top:.1f},{right - left:.1f},{bottom - top:.1f},1,1,"
            f"{drawn.visibility:.3f}"
        )


def _draw_and_rename(out: Path, plan: CrowdVideoPlan, progress: bool) -> CrowdVideoCounts:
    drawing, old = out.parent / f".{out.name}.drawing", out.parent / f".{out.name}.old"
    try:
        for folder in (drawing, old):
            if folder.is_symlink():  # never draw through a symlink
                folder.unlink()
            shutil.rmtree(folder, ignore_errors=True)
        (drawing / TRUTH).mkdir(parents=True)
        counts = _draw(drawing, plan, progress)
        marker = {"plan": plan.as_dict(), "counts": vars(counts)}
        (drawing / _MARKER).write_text(json.dumps(marker, indent=2) + "\n", encoding="utf-8")
        if out.exists():
            out.rename(old)
        drawing.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise StorageError(
            f"{out}: the videos cannot be written ({error.strerror or error}); "
            "free some space or choose another folder"
        ) from None
    finally:
        shutil.rmtree(drawing, ignore_errors=True)
    return counts


def _draw(folder: Path, plan: CrowdVideoPlan, progress: bool) -> CrowdVideoCounts:
    seen, boxes = set(), 0
    with ProgressBar("Drawing videos", plan.cameras * plan.frames, show=progress) as bar:
        for camera in range(1, plan.cameras + 1):
            lines: list[str] = []

            def frames(
                camera: int = camera, lines: list[str] = lines
            ) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
                for number, frame in enumerate(draw_frames(plan, camera), start=1):
                    lines.extend(truth_lines(number, frame))
                    seen.update(drawn.person for drawn in frame.people)
                    yield frame.pixels
                    bar.advance(1)

            write_video(folder / f"camera{camera}.mp4", frames(), plan.frame_rate, plan.height, plan.width)
            text = "".join(f"{line}\n" for line in lines)
            (folder / TRUTH / f"camera{camera}.txt").write_text(text, encoding="utf-8")
            boxes += len(lines)
    return CrowdVideoCounts(plan.cameras, plan.cameras * plan.frames, len(seen), boxes)


def write_video(
    path: Path,
    frames: Iterator[UInt8[np.ndarray, "h w 3"]],
    frame_rate: int,
    height: int,
    width: int,
    *,
    codec: str = "mpeg4",
    pixel_format: str = "yuv420p",
) -> None:
    """Encode RGB frames as a video file.

    The default codec, MPEG-4 part 2, is one of FFmpeg's own, under its LGPL. One thread encodes, so that the same
    frames give the same file.

    Raises:
        OSError: the file cannot be written.
    """
    av: Any = require_package("av", "video")
    options = {"qmin": str(_QUALITY), "qmax": str(_QUALITY)} if codec == "mpeg4" else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=frame_rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.thread_count = 1
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def _read_marker(out: Path) -> dict[str, Any] | None:
    """The plan and the counts of the crowd in a folder; None where there is none, or videos are missing."""
    try:
        marker = json.loads((out / _MARKER).read_text(encoding="utf-8"))
        whole = len(list(out.glob("camera*.mp4"))) == marker["counts"]["videos"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return marker if whole else None


def _refuse_other_content(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: expected a folder for the videos, found a file; choose another name")
    content = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    if content and _MARKER not in content:
        raise DataError(
            f"{out}: expected a new or empty folder or one with a crowd on video, found '{min(content)}' in it; "
            "choose another folder"
        )
