"""The page of search results: each query next to its results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from reseen.files import write_text
from reseen.pages.album import Album
from reseen.pages.content import Crop
from reseen.pages.render import fill


class FoundCrop(NamedTuple):
    """One search result."""

    image: Crop
    headline: str
    """A short text, such as the similarity."""
    lines: Sequence[str]
    """Further details, one per line."""
    sure: bool
    """Whether it counts as the same person, by the calibrated threshold."""


class Search(NamedTuple):
    """A query and its results, most similar first."""

    title: str
    queries: Sequence[Crop]
    answers: Sequence[FoundCrop]
    heading: str = ""
    """The heading; default: "Most similar to" and the title."""
    note: str = ""
    """A sentence above the results."""
    empty: str = "No crop in the gallery matches these conditions."
    """The text if there are no results."""


@dataclass(frozen=True)
class SearchContent:
    """Content of the page of search results."""

    title: str
    note: str
    searches: Sequence[Search]
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    """Always empty; the page has no settings."""


def write_search_page(path: Path, content: SearchContent) -> None:
    """Write the page atomically.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    album = Album()
    shown = [
        {
            "title": search.title,
            "heading": search.heading or f"Most similar to {search.title}",
            "note": search.note,
            "empty": search.empty,
            "queries": [album.add(image, f"query {search.title}") for image in search.queries],
            "answers": [
                (
                    album.add(answer.image, f"result {rank}, {answer.headline}, {', '.join(answer.lines)}"),
                    answer,
                )
                for rank, answer in enumerate(search.answers, start=1)
            ],
        }
        for search in content.searches
    ]
    write_text(path, fill("answers.html.j2", album, content=content, searches=shown))
