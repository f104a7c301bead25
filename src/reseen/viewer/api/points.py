"""API of map coordinates, and of entries by their keys."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from reseen.viewer.api.look import EntryFacts, entry_facts
from reseen.viewer.pages.map import MapsDep
from reseen.viewer.projection import Layout
from reseen.viewer.templating import ViewerDep

router = APIRouter()

_MAX_KEYS = 10_000


class PointFacts(BaseModel):
    """One crop on the map."""

    key: str
    x: float
    """Map coordinate, -1 to 1."""
    y: float
    """Map coordinate, -1 to 1."""
    camera: str | None
    cluster: int | None


class Keys(BaseModel):
    """Keys of crops."""

    keys: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=_MAX_KEYS)]


@router.get("/points")
def list_points(
    viewer: ViewerDep,
    maps: MapsDep,
    layout: Layout = "neighbors",
    start: Annotated[int, Query(ge=0)] = 0,
    most: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> list[PointFacts]:
    """Map coordinates by row. The first call for new vectors waits until they are computed."""
    collection = viewer.snapshot.collection
    coordinates = maps.wait(collection, layout)
    entries = collection.entries[start : start + most]
    return [
        PointFacts(
            key=collection.keys[row],
            x=float(coordinates[row, 0]),
            y=float(coordinates[row, 1]),
            camera=entry.camera,
            cluster=entry.cluster,
        )
        for row, entry in enumerate(entries, start)
    ]


@router.post("/entries")
def get_entries(viewer: ViewerDep, query: Keys) -> list[EntryFacts]:
    """Crops with these keys, in the same order; unknown keys are skipped."""
    snapshot = viewer.snapshot
    rows = (snapshot.collection.rows.get(key) for key in query.keys)
    return [entry_facts(snapshot, row) for row in rows if row is not None]
