"""`reseen evaluate`."""

from pathlib import Path
from typing import Literal


def evaluate(
    run: Path,
    *,
    data: Path,
    layout: str = "auto",
    variant: str | None = None,
    occlude: float | None = None,
    half: Literal["upper", "lower"] | None = None,
    seed: int = 0,
    student: bool = False,
    part: Literal["both", "global", "patch"] | None = None,
    json: Path | None = None,
    report: Path | None = None,
    quiet: bool = False,
) -> None:
    """Score the last round of a run on query and gallery.

    Parameters
    ----------
    run
        A run folder.
    data
        A benchmark in its layout, or a manifest or shards with splits and identities.
    layout
        How the data lies on disk; auto looks.
    variant
        Which split, boxes or test size, where the benchmark has several; its first when not given.
    occlude
        Also score with this share of every query crop covered by a rectangle, such as 0.3.
    half
        Also score with queries of which only this half is seen.
    seed
        Where the rectangles lie; the same seed covers the same part of the same crop in every run.
    student
        Score the network that learned, where the method scores its average over training.
    part
        Score vectors of whole images or of patches alone, where the method learned both.
    json
        Also write the score to this file.
    report
        Also write a page with curves and ranked lists to this file; it holds small copies of the crops.
    quiet
        Show no progress.
    """
    import json as json_format

    from rich.console import Console

    from reseen.data.occlusion import Occlusion
    from reseen.engine.report import report_run
    from reseen.engine.run import open_run
    from reseen.engine.score import read_benchmark, retrieve
    from reseen.evaluate.table import score_table
    from reseen.files import write_text

    opened = open_run(run)
    occlusions = [Occlusion(share=occlude, seed=seed)] if occlude is not None else []
    occlusions += [Occlusion(half=half, seed=seed)] if half is not None else []
    benchmark = read_benchmark(data, layout, variant)
    retrieval = retrieve(opened, benchmark, occlusions=occlusions, student=student, part=part, quiet=quiet)
    score, hidden = retrieval.score(), retrieval.occluded_scores()
    console = Console(highlight=False)
    console.print(score_table({run.resolve().name: score, **hidden}, change="change"))
    if json is not None:
        record = {
            "run": str(run),
            "rounds": opened.rounds_done,
            **score.to_json(),
            "benchmark": benchmark.name,
            "occluded": {name: covered.to_json() for name, covered in hidden.items()},
            "seed": seed,
            "student": student,
            "part": part,
            "unreadable": retrieval.unreadable,
        }
        write_text(json, json_format.dumps(record, indent=1) + "\n")
        console.print(f"Score written to {json}", markup=False, soft_wrap=True)
    if report is not None:
        report_run(report, opened, None, retrieval, {run.resolve().name: score}, f"Run {run.resolve().name}")
        console.print(f"Report written to {report}", markup=False, soft_wrap=True)
