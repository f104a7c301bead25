"""The pages, one per file, in the order of the navigation. A new page is a file and a line here."""

from typing import NamedTuple

from fastapi import APIRouter

from reseen.viewer.pages import clusters, forget, map, rounds, search
from reseen.viewer.pages import review as mend


class Page(NamedTuple):
    """A page in the navigation."""

    name: str
    path: str
    key: str
    """Pressed after `g`, it leads there."""
    router: APIRouter


PAGES = (
    Page("Clusters", "/clusters", "c", clusters.router),
    Page("Search", "/search", "s", search.router),
    Page("Map", "/map", "p", map.router),
    Page("Mend", "/mend", "m", mend.router),
    Page("Rounds", "/rounds", "r", rounds.router),
    Page("Forget", "/forget", "x", forget.router),
)
