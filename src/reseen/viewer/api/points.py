"""Places of the map, and crops by their keys, for programs."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from reseen.viewer.api.look import EntryFacts, entry_facts
from reseen.viewer.pages.map import TheseMaps
from reseen.viewer.projection import Layout
from reseen.viewer.templating import ThisViewer

router = APIRouter()

_MOST_KEYS = 10_000


class PointFacts(BaseModel):
    """One crop on the map."""

    key: str
    x: float
    """-1 to 1, as `y`."""
    y: float
    camera: str | None
    cluster: int | None


class Keys(BaseModel):
    """Which crops are meant."""

    keys: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=_MOST_KEYS)]


@router.get("/points")
def points(
    viewer: ThisViewer,
    maps: TheseMaps,
    layout: Layout = "neighbors",
    start: Annotated[int, Query(ge=0)] = 0,
    most: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> list[PointFacts]:
    """Places by row; the first call on new vectors takes as long as making them."""
    collection = viewer.now.collection
    places = maps.wait(collection, layout)
    entries = collection.entries[start : start + most]
    return [
        PointFacts(
            key=collection.keys[row],
            x=float(places[row, 0]),
            y=float(places[row, 1]),
            camera=entry.camera,
            cluster=entry.cluster,
        )
        for row, entry in enumerate(entries, start)
    ]


@router.post("/entries")
def entries(viewer: ThisViewer, wanted: Keys) -> list[EntryFacts]:
    """The crops of these keys, in their order; keys that are not here are left out."""
    now = viewer.now
    rows = (now.collection.rows.get(key) for key in wanted.keys)
    return [entry_facts(now, row) for row in rows if row is not None]
