"""Render pages to self-contained HTML files, which need neither network nor scripts."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reseen.files import write_text
from reseen.pages import scores
from reseen.pages.album import Album
from reseen.pages.content import ReportContent
from reseen.pages.line_charts import charts
from reseen.pages.scores import log_table
from reseen.pages.sheets import cluster_sheets, ranked_lists, shown_insights


def write_report(path: Path, content: ReportContent) -> None:
    """Write the report atomically.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
        ValueError: a crop is not a uint8 RGB image.
    """
    write_text(path, render(content))


def render(content: ReportContent) -> str:
    """The report as HTML text; texts of the content are escaped, empty parts are omitted."""
    album = Album()
    headings, rows = scores.table(content.scores)
    return fill(
        "report.html.j2",
        album,
        content=content,
        cards=scores.cards(content.scores),
        score_names=list(content.scores),
        score_headings=headings,
        score_rows=rows,
        protocol=scores.protocol(content.scores),
        notes=scores.notes(content.scores),
        charts=charts(content.rounds),
        log=log_table(content.rounds),
        sheets=cluster_sheets(album, content.sheets),
        ranked=ranked_lists(album, content.ranked),
        insights=shown_insights(album, content.insights),
    )


def fill(template: str, album: Album, **values: Any) -> str:
    """The HTML text of a template; texts are escaped, and the crops of the album are embedded."""
    environment = Environment(
        loader=PackageLoader("reseen.pages", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup(Path(__file__).with_name("style.css").read_text(encoding="utf-8"))
    return environment.get_template(template).render(
        version=version("reseen"), style=style, sources=album.sources, **values
    )
