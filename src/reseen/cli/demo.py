"""`reseen demo`."""

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def demo(
    out: Path | None = None,
    *,
    video: Annotated[bool, Parameter(negative=())] = False,
    people: int | None = None,
    cameras: int | None = None,
    quiet: bool = False,
) -> None:
    """Train on a synthetic data set without labels, score before and after, write a report.

    With --video: draw recordings of a crowd, crop the people in them, train, and index a gallery for the viewer. Takes
    about five minutes on two cores. If interrupted, rerun the command to resume.

    Parameters
    ----------
    out
        Output folder for data, run and report; default: demo, and demo-video on video.
    video
        Start from recordings instead of crops.
    people
        Number of people; half are for training, the others for evaluation, and on video all are for training; default:
        60, and 12 on video.
    cameras
        Number of cameras; default: 6, and 3 on video.
    quiet
        Hide progress.
    """
    if video:
        _on_video(out or Path("demo-video"), people or 12, cameras or 3, quiet)
    else:
        _on_crops(out or Path("demo"), people or 60, cameras or 6, quiet)


def _on_crops(out: Path, people: int, cameras: int, quiet: bool) -> None:
    from rich.console import Console

    from reseen.tasks.demo import run_demo
    from reseen.tasks.evaluation.tables import score_table

    result = run_demo(out, people=people, cameras=cameras, quiet=quiet)
    console = Console()
    console.print(
        score_table({"before": result.before, "after": result.after}, title="Retrieval of unseen people")
    )
    console.print(
        f"Open {result.report.resolve()} in a browser", soft_wrap=True, highlight=False, markup=False
    )
    console.print(f"Next: reseen view {out / 'run'}", soft_wrap=True, highlight=False, markup=False)


def _on_video(out: Path, people: int, cameras: int, quiet: bool) -> None:
    from reseen.video.demo import run_video_demo

    result = run_video_demo(out, people=people, cameras=cameras, quiet=quiet)
    records = [record.facts for record in result.cropped.records]
    print(
        f"{result.cropped.folder}: {result.cropped.crops:,} crops of {sum(facts.tracklets for facts in records):,} "
        f"tracklets from {len(records):,} videos"
    )
    print(f"{result.run.folder}: {result.run.rounds_done} rounds done")
    print(f"{result.indexed.address}: {result.indexed.count:,} crops")
    print(f"Open {result.cropped.sheet.resolve()} in a browser")
    gallery = shlex.quote(str(out / "gallery"))
    camera, video = records[0].camera, shlex.quote(str(out / "videos" / f"{records[0].name}.mp4"))
    print(f"Next: reseen view {gallery}")
    print(f"or:   reseen watch {gallery} {video} --out {shlex.quote(str(out / 'watched'))} --camera {camera}")
