"""`reseen report`."""

from pathlib import Path


def report(results: Path, *, out: Path | None = None) -> None:
    """Build a leaderboard page: runs with mean and standard deviation over seeds, next to published figures.

    Parameters
    ----------
    results
        A folder of results written by benchmarks/accuracy.py or `reseen evaluate --json`.
    out
        The folder for leaderboard.md and leaderboard.html; default: the folder of results.
    """
    from reseen.tasks.leaderboard import write_leaderboard_pages

    pages = write_leaderboard_pages(results, out)
    arms = sum(len(board.arms) for board in pages.leaderboard.boards)
    print(
        f"{pages.markdown}, {pages.page}: {pages.results} results in {arms} rows; files without a result: "
        f"{pages.skipped}"
    )
