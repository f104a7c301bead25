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
    from reseen.evaluate.leaderboard import build_leaderboard, read_results
    from reseen.pages.leaderboard_page import write_leaderboard

    scored, skipped = read_results(results)
    leaderboard = build_leaderboard(scored, skipped)
    markdown, page = write_leaderboard((out or results).expanduser(), leaderboard)
    arms = sum(len(board.arms) for board in leaderboard.boards)
    print(f"{markdown}, {page}: {len(scored)} results in {arms} rows; files without a result: {len(skipped)}")
