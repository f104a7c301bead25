"""A page about a data set: counts beside the published ones, what is wrong, histograms, crops of each camera."""

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
    """One thing that was looked at."""

    verdict: str
    """`fine`, `look` or `wrong`."""
    text: str
    items: Sequence[str] = ()
    """A few lines on it."""
    more: str = ""
    """What is not shown of them."""


class CountRow(NamedTuple):
    """One quantity in every split: (what is here, what was published or nothing)."""

    name: str
    counts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class DataContent:
    """Everything on the page; an empty part is left out of it."""

    title: str
    note: str = ""
    """How the data was read."""
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
    """Write the page, whole or not at all.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    write_text(path, render_data(content))


def render_data(content: DataContent) -> str:
    """The page as text."""
    album = Album()
    groups = [(group.name, group.note, cluster_sheets(album, group.sheets)) for group in content.groups]
    return fill("data_page.html.j2", album, content=content, groups=groups)
