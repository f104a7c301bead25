"""`reseen data toy`."""

import shlex
import time
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter


def toy(
    out: Path,
    *,
    video: Annotated[bool, Parameter(negative=())] = False,
    people: int | None = None,
    cameras: int | None = None,
    seed: int = 0,
    images_per_camera: int | None = None,
    height: int | None = None,
    width: int | None = None,
    share_train: float | None = None,
    processes: int | None = None,
    seconds: float | None = None,
    frame_rate: int | None = None,
    quiet: bool = False,
) -> None:
    """Generate a synthetic data set of people seen by several cameras: crops in the Market-1501 layout, or videos.

    Parameters
    ----------
    out
        A new or empty folder, or one with a synthetic data set, which is overwritten.
    video
        Generate a video of each camera, and exact tracks in the format of MOTChallenge, instead of crops.
    people
        Number of people, 1 to 9999; default: 60 in all splits, 8 on video.
    cameras
        Number of cameras, 1 to 99; every person appears in each; default: 6, and 3 on video.
    seed
        Random seed; the same seed and settings give the same files.
    images_per_camera
        Crops of each person in each camera, 2 to 99; default: 4. Not for videos.
    height
        Height of a crop or a frame in pixels; default: 128, and 360 on video.
    width
        Width of a crop or a frame in pixels; default: 64, and 640 on video.
    share_train
        Share of the people in the training set, 0 to 1; the others form query and gallery; default: 0.5.
        Not for videos.
    processes
        Number of processes; default: the usable cores. Not for videos.
    seconds
        Length of each video; default: 20.
    frame_rate
        Frames per second of the videos; default: 10.
    quiet
        Hide progress.
    """
    from reseen.errors import SettingsError

    crops = {
        "images_per_camera": images_per_camera, "share_train": share_train, "processes": processes,
    }  # fmt: skip
    videos = {"seconds": seconds, "frame_rate": frame_rate}
    both = {"people": people, "cameras": cameras, "height": height, "width": width}
    for name, value in (crops if video else videos).items():
        if value is not None:
            flag = f"--{name.replace('_', '-')}"
            raise SettingsError(
                f"{flag} has no effect {'with' if video else 'without'} --video; leave it out"
                + ("" if video else ", or add --video")
            )
    given = {**both, **(videos if video else crops)}
    chosen = {name: value for name, value in given.items() if value is not None}
    (_draw_videos if video else _draw_crops)(out, chosen, seed, not quiet)


def _draw_videos(out: Path, chosen: dict[str, Any], seed: int, progress: bool) -> None:
    from reseen.synthetic import draw_crowd_video

    started = time.perf_counter()
    counts = draw_crowd_video(out, seed=seed, progress=progress, **chosen)
    folder = shlex.quote(str(out))
    _print_result(
        out,
        f"{counts.videos} videos, {counts.frames:,} frames in {time.perf_counter() - started:.1f} s",
        f"{counts.people} people, {counts.boxes:,} exact boxes in {out / 'ground-truth'}",
        f"reseen crop {folder} --out {shlex.quote(f'{out}-crops')}",
    )


def _draw_crops(out: Path, chosen: dict[str, Any], seed: int, progress: bool) -> None:
    from reseen.synthetic import draw_crowd

    started = time.perf_counter()
    counts = draw_crowd(out, seed=seed, progress=progress, **chosen)
    folder = shlex.quote(str(out))
    if counts.train_images:
        command = f"reseen train cluster-contrast --data {folder} --out {shlex.quote(f'runs/{out.absolute().name}')}"
    else:
        command = f"reseen data check {folder}"
    _print_result(
        out,
        f"{counts.images:,} crops in {time.perf_counter() - started:.1f} s",
        f"{counts.train_images:,} for training ({counts.train_people} people), "
        f"{counts.query_images:,} queries and {counts.gallery_images:,} in the gallery "
        f"({counts.test_people} other people), {counts.cameras} cameras",
        command,
    )


def _print_result(out: Path, headline: str, details: str, command: str) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    console.print(Text.assemble((str(out), "bold"), f": {headline}"))
    console.print(Text(f"  {details}"))
    console.print(Text.assemble("  next: ", (command, "bold cyan")))
