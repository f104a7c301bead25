"""`reseen demo`."""

from pathlib import Path


def demo(out: Path = Path("demo"), *, people: int = 60, cameras: int = 6, quiet: bool = False) -> None:
    """Draw a crowd, learn from it without labels, score before and after, write a report.

    Takes about five minutes on two cores; given again, it goes on where it stopped.

    Parameters
    ----------
    out
        Folder for crowd, run and report.
    people
        People in the crowd; half are learned from, the others are searched for.
    cameras
        Cameras that see them.
    quiet
        Show no progress.
    """
    from rich.console import Console

    from reseen.evaluate.tables import score_table
    from reseen.tasks.demo import run_demo

    made = run_demo(out, people=people, cameras=cameras, quiet=quiet)
    console = Console()
    console.print(
        score_table({"before": made.before, "after": made.after}, title="People it never saw, found again")
    )
    console.print(f"Open {made.report.resolve()} in a browser", soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"Look around in it: reseen view {out / 'run'}", soft_wrap=True, highlight=False, markup=False
    )
