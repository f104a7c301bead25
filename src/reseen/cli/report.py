"""`reseen report`."""

from pathlib import Path


def report(results: Path, *, out: Path | None = None) -> None:
    """Build the page of results: runs with mean and spread over seeds, beside the literature's figures.

    Parameters
    ----------
    results
        A folder of results, as benchmarks/accuracy.py and `reseen evaluate --json` write them.
    out
        The folder to write leaderboard.md and leaderboard.html to; the folder of results when not given.
    """
    from reseen.evaluate.leaderboard import build_leaderboard, read_results
    from reseen.pages.leaderboard_page import write_leaderboard

    found, skipped = read_results(results)
    leaderboard = build_leaderboard(found, skipped)
    markdown, page = write_leaderboard((out or results).expanduser(), leaderboard)
    arms = sum(len(board.arms) for board in leaderboard.boards)
    print(f"{markdown}, {page}: {len(found)} results in {arms} rows; files without a result: {len(skipped)}")
