"""HTML pages, one file each, in the order of the navigation. To add one, write its file and add it here."""

from typing import NamedTuple

from fastapi import APIRouter

from reseen.viewer.pages import clusters, forget, map, people, questions, review, rounds, search


class Page(NamedTuple):
    """An entry of the navigation."""

    name: str
    path: str
    key: str
    """Keyboard shortcut, pressed after `g`."""
    router: APIRouter


PAGES = (
    Page("People", "/people", "e", people.router),
    Page("Clusters", "/clusters", "c", clusters.router),
    Page("Search", "/search", "s", search.router),
    Page("Map", "/map", "p", map.router),
    Page("Questions", "/questions", "q", questions.router),
    Page("Review", "/review", "m", review.router),
    Page("Rounds", "/rounds", "r", rounds.router),
    Page("Forget", "/forget", "x", forget.router),
)
