"""`reseen demo`."""

from pathlib import Path


def demo(out: Path = Path("demo"), *, people: int = 60, cameras: int = 6, quiet: bool = False) -> None:
    """Train on a synthetic data set without labels, score before and after, write a report.

    Takes about five minutes on two cores. If interrupted, rerun the command to resume.

    Parameters
    ----------
    out
        Output folder for data, run and report.
    people
        Number of people; half are for training, the others for evaluation.
    cameras
        Number of cameras.
    quiet
        Hide progress.
    """
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
