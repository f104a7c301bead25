"""The leaderboard: results of runs with standard deviations over seeds, next to published figures."""

from reseen.evaluate.leaderboard.boards import (
    Arm,
    Board,
    Leaderboard,
    Result,
    build_leaderboard,
    read_results,
)
from reseen.evaluate.leaderboard.literature import Published, published
from reseen.evaluate.leaderboard.markdown import to_markdown

__all__ = [
    "Arm",
    "Board",
    "Leaderboard",
    "Published",
    "Result",
    "build_leaderboard",
    "published",
    "read_results",
    "to_markdown",
]
