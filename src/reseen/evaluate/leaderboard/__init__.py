"""A page of results: runs with their spread over seeds, and the literature's figures beside them, marked as such."""

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
