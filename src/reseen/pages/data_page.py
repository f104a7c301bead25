"""The page of `reseen data check`: counts next to published ones, findings, histograms, sample crops per camera."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from reseen.files import write_text
from reseen.pages.album import Album
from reseen.pages.axes import Chart
from reseen.pages.cluster_page import Figure, SheetGroup
from reseen.pages.render import fill
from reseen.pages.sheets import cluster_sheets


class Remark(NamedTuple):
    """One finding on the page."""

    verdict: str
    """`fine`, `look` or `wrong`."""
    text: str
    items: Sequence[str] = ()
    """Lines of detail, such as files."""
    more: str = ""
    """A note on the items that are not shown."""


class CountRow(NamedTuple):
    """One quantity in every split, as pairs of actual and published count; the latter is empty if equal or unknown."""

    name: str
    counts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class DataContent:
    """Content of the page; empty parts are omitted."""

    title: str
    note: str = ""
    """How the data was read, as a sentence."""
    figures: Sequence[Figure] = ()
    splits: Sequence[str] = ()
    rows: Sequence[CountRow] = ()
    remarks: Sequence[Remark] = ()
    charts: Sequence[Chart] = ()
    groups: Sequence[SheetGroup] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    """Always empty; the page has no settings."""


def write_data_page(path: Path, content: DataContent) -> None:
    """Write the page atomically.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    write_text(path, render_data(content))


def render_data(content: DataContent) -> str:
    """The page as HTML text."""
    album = Album()
    groups = [(group.name, group.note, cluster_sheets(album, group.sheets)) for group in content.groups]
    return fill("data_page.html.j2", album, content=content, groups=groups)
