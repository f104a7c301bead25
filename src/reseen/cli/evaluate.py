"""`reseen evaluate`."""

from pathlib import Path


def evaluate(
    run: Path, *, data: Path, json: Path | None = None, report: Path | None = None, quiet: bool = False
) -> None:
    """Score the last round of a run on query and gallery.

    Parameters
    ----------
    run
        A run folder.
    data
        A folder in the Market-1501 layout, or a manifest with splits and identities.
    json
        Also write the score to this file.
    report
        Also write a page with curves and ranked lists to this file; it holds small copies of the crops.
    quiet
        Show no progress.
    """
    import json as json_format

    from rich.console import Console

    from reseen.engine.report import report_run
    from reseen.engine.run import open_run
    from reseen.engine.score import read_benchmark, retrieve
    from reseen.evaluate.table import score_table
    from reseen.files import write_text

    opened = open_run(run)
    retrieval = retrieve(opened, read_benchmark(data), quiet=quiet)
    score = retrieval.score()
    console = Console(highlight=False)
    console.print(score_table({run.resolve().name: score}))
    if json is not None:
        record = {
            "run": str(run),
            "rounds": opened.rounds_done,
            **score.to_json(),
            "unreadable": retrieval.unreadable,
        }
        write_text(json, json_format.dumps(record, indent=1) + "\n")
        console.print(f"Score written to {json}", markup=False, soft_wrap=True)
    if report is not None:
        report_run(report, opened, None, retrieval, {run.resolve().name: score}, f"Run {run.resolve().name}")
        console.print(f"Report written to {report}", markup=False, soft_wrap=True)
