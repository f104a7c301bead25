"""One cluster: its crops, the nearest clusters, its tree; and the crops that are in none."""

from collections.abc import Sequence

import numpy as np
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from reseen.viewer.collection import NOISE, UNCLUSTERED
from reseen.viewer.templating import ThisViewer, page_slice, show
from reseen.viewer.tree import tree_of
from reseen.viewer.unclustered import nearest_of
from reseen.viewer.viewer import Snapshot

router = APIRouter(include_in_schema=False)

_EACH = 120
"""Crops on a page."""
_NEAREST = 6
_STRIP = 5
_OUTSIDE = {"none": NOISE, "new": UNCLUSTERED}


@router.get("/clusters/{name}")
def one(request: Request, viewer: ThisViewer, name: str, tree: bool = False) -> Response:
    """A cluster by its number; `none` for the crops that clustering left out, `new` for those never clustered."""
    now = viewer.now
    if name in _OUTSIDE:
        return _outside(request, viewer, now, name)
    if not name.isdecimal() or len(name) > 18 or int(name) not in now.clusters:
        raise HTTPException(404, f"There is no cluster {name}. It may have been merged into another one.")
    cluster = now.clusters[int(name)]
    part = page_slice(request, cluster.rows.tolist(), _EACH)
    nearest = now.clusters.nearest(cluster.center, _NEAREST, but=cluster.number)
    # A crop is doubtful where the center of one of these is more similar to it than that of its own cluster.
    similarity = dict(zip(cluster.rows.tolist(), cluster.similarities.tolist(), strict=True))
    doubtful = _doubtful(now, part.items, similarity, [other.number for other, _ in nearest])
    keys = [now.collection.keys[row] for row in part.items]
    keys += [now.collection.keys[row] for other, _ in nearest for row in other.rows[:_STRIP]]
    viewer.thumbnails.warm(keys)
    return show(
        request, "cluster.html.j2", now=now, cluster=cluster, part=part, similarity=similarity, doubtful=doubtful,
        nearest=nearest, shown=_STRIP, tree=tree_of(now, cluster) if tree else None,
        neighbors=_beside(now, cluster.number),
    )  # fmt: skip


def _doubtful(
    now: Snapshot, rows: Sequence[int], similarity: dict[int, float], numbers: list[int]
) -> dict[int, int]:
    """The cluster that a crop is nearer to than to its own, for crops where there is one."""
    if not numbers or not rows:
        return {}
    centers = np.stack([now.clusters[number].center for number in numbers])
    others = now.collection.vectors[rows].astype(np.float32) @ centers.T
    return {
        row: numbers[int(line.argmax())]
        for row, line in zip(rows, others, strict=True)
        if float(line.max()) > similarity[row]
    }


def _beside(now: Snapshot, number: int) -> tuple[int | None, int | None]:
    """The clusters before and after, by number."""
    numbers = [cluster.number for cluster in now.clusters.all()]
    place = numbers.index(number)
    return (
        numbers[place - 1] if place else None,
        numbers[place + 1] if place + 1 < len(numbers) else None,
    )


def _outside(request: Request, viewer: ThisViewer, now: Snapshot, name: str) -> Response:
    rows = np.flatnonzero(now.collection.clusters == _OUTSIDE[name])
    part = page_slice(request, rows.tolist(), _EACH)
    shown = np.array(part.items, np.int64)
    near: dict[int, tuple[int, float]] = {}
    if len(now.clusters) and len(shown):
        numbers, similarity = nearest_of(now, shown)
        near = dict(zip(part.items, zip(numbers.tolist(), similarity.tolist(), strict=True), strict=True))
    viewer.thumbnails.warm(now.collection.keys[row] for row in part.items)
    return show(request, "outside.html.j2", now=now, part=part, near=near, name=name)
