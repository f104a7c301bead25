"""The leaderboard as a self-contained HTML file, and as Markdown."""

from dataclasses import dataclass
from pathlib import Path

from reseen.evaluate.leaderboard import Leaderboard, to_markdown
from reseen.evaluate.leaderboard.boards import FIGURES
from reseen.evaluate.leaderboard.markdown import HONESTY
from reseen.files import make_folder, write_text
from reseen.pages.album import Album
from reseen.pages.render import fill


@dataclass(frozen=True)
class _Head:
    """The fields that the base template needs."""

    title: str = "Leaderboard"
    note: str = HONESTY


def write_leaderboard(folder: Path, leaderboard: Leaderboard) -> tuple[Path, Path]:
    """Write `leaderboard.md` and `leaderboard.html` into the folder; returns both paths.

    Raises:
        StorageError: the folder cannot be written.
    """
    make_folder(folder)
    markdown, page = folder / "leaderboard.md", folder / "leaderboard.html"
    write_text(markdown, to_markdown(leaderboard))
    write_text(page, render_leaderboard(leaderboard))
    return markdown, page


def render_leaderboard(leaderboard: Leaderboard) -> str:
    """The page as HTML text; texts of results are escaped."""
    return fill("leaderboard.html.j2", Album(), content=_Head(), leaderboard=leaderboard, figures=FIGURES)
