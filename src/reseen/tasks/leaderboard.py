"""Build the leaderboard pages from a folder of results."""

from dataclasses import dataclass
from pathlib import Path

from reseen.evaluate.leaderboard import Leaderboard, build_leaderboard, read_results
from reseen.pages.leaderboard_page import write_leaderboard


@dataclass(frozen=True)
class LeaderboardPages:
    """The leaderboard of a folder of results, and its files."""

    leaderboard: Leaderboard
    markdown: Path
    page: Path
    """The HTML page."""
    results: int
    """Number of results that were read."""
    skipped: int
    """Number of files without a result."""


def write_leaderboard_pages(results: str | Path, out: str | Path | None = None) -> LeaderboardPages:
    """Write `leaderboard.md` and `leaderboard.html` from results of `reseen evaluate --json` or the benchmarks.

    Args:
        results: a folder of JSON files.
        out: the folder for the pages; the folder of results when None.

    Raises:
        DataError: the folder is missing, or holds no result.
        StorageError: the pages cannot be written.

    Example:
        >>> write_leaderboard_pages("benchmarks/results").results
    """
    folder = Path(results)
    scored, skipped = read_results(folder)
    leaderboard = build_leaderboard(scored, skipped)
    markdown, page = write_leaderboard(Path(out or folder).expanduser(), leaderboard)
    return LeaderboardPages(leaderboard, markdown, page, len(scored), len(skipped))
