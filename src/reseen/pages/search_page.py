"""A page of searches: each query beside its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from reseen.files import write_text
from reseen.pages.album import Album
from reseen.pages.content import Crop
from reseen.pages.render import fill


class FoundCrop(NamedTuple):
    """One answer."""

    image: Crop
    headline: str
    """A sign or two, such as the similarity."""
    lines: Sequence[str]
    """What else is known, a few words each."""
    sure: bool
    """Whether it is taken for the same person."""


class Search(NamedTuple):
    """A query and its answers, the likeliest first."""

    title: str
    queries: Sequence[Crop]
    answers: Sequence[FoundCrop]
    heading: str = ""
    """In place of "Most like" and the title."""
    note: str = ""
    """What stands above the answers."""
    empty: str = "Nothing in the gallery fits these conditions."
    """What stands in their place where there are none."""


@dataclass(frozen=True)
class SearchContent:
    """Everything on the page."""

    title: str
    note: str
    searches: Sequence[Search]
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    """Always empty; the page has no settings."""


def write_search_page(path: Path, content: SearchContent) -> None:
    """Write the page, whole or not at all.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    album = Album()
    shown = [
        {
            "title": search.title,
            "heading": search.heading or f"Most like {search.title}",
            "note": search.note,
            "empty": search.empty,
            "queries": [album.add(image, f"query {search.title}") for image in search.queries],
            "answers": [
                (
                    album.add(answer.image, f"answer {rank}, {answer.headline}, {', '.join(answer.lines)}"),
                    answer,
                )
                for rank, answer in enumerate(search.answers, start=1)
            ],
        }
        for search in content.searches
    ]
    write_text(path, fill("answers.html.j2", album, content=content, searches=shown))
