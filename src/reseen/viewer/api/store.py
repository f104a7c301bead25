"""API of the store itself, for other commands of the same user while the viewer has the gallery open.

Bodies and answers of entries are Arrow streams (`reseen.gallery.stores.packed_entries`).
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from reseen.errors import GalleryError
from reseen.gallery.filter import Filter
from reseen.gallery.removal import Removal
from reseen.gallery.stores.packed_entries import pack_entries, pack_hits, unpack_entries
from reseen.viewer.deletion import delete_entries, remove_entries
from reseen.viewer.pages.map import MapsDep
from reseen.viewer.templating import ViewerDep
from reseen.viewer.viewer import Viewer

router = APIRouter(prefix="/store")

_BUSY_SECONDS = 30.0
"""Longest wait for an edit in the viewer."""

_ARROW = "application/vnd.apache.arrow.stream"


class FilterValues(BaseModel, extra="forbid"):
    """Conditions on entries, as of `reseen.Filter`; a condition that is null matches every entry."""

    keys: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    images: tuple[str, ...] | None = None
    cameras: tuple[str | None, ...] | None = None
    not_cameras: tuple[str, ...] | None = None
    after: float | None = None
    before: float | None = None
    clusters: tuple[int | None, ...] | None = None
    tracklets: tuple[int | None, ...] | None = None

    def to_filter(self) -> Filter:
        """The filter."""
        return Filter(**self.model_dump())


class StoreSearch(BaseModel, extra="forbid"):
    """A search of the store."""

    vector: Annotated[list[float], Field(max_length=100_000)]
    top: Annotated[int, Field(ge=1, le=1_000_000)]
    where: FilterValues = FilterValues()


class StoreScan(BaseModel, extra="forbid"):
    """A pass over entries."""

    where: FilterValues = FilterValues()
    batch: Annotated[int, Field(ge=1, le=4096)] = 1024


class StoreDeletion(BaseModel, extra="forbid"):
    """Entries to erase from the store alone."""

    where: FilterValues


class StoreRemoval(BaseModel, extra="forbid"):
    """Crops to erase from the store and from every recorded copy."""

    by: Annotated[str, Field(max_length=20)]
    keys: tuple[str, ...]
    images: tuple[tuple[str, str], ...] | None
    cache_dirs: tuple[str, ...] = ()


@router.post("/describe")
def describe_store(viewer: ViewerDep) -> dict[str, Any]:
    """Contents and origin of the store; cameras as pairs, because one of them may be unknown."""
    description = viewer.gallery.store.describe()
    return {**asdict(description), "cameras": list(description.cameras.items())}


@router.post("/search")
def search_store(viewer: ViewerDep, query: StoreSearch) -> Response:
    """Hits, most similar first, as an Arrow stream."""
    vector = np.array(query.vector, np.float32)
    hits = viewer.gallery.store.search(vector, query.top, query.where.to_filter())
    return Response(pack_hits(hits), media_type=_ARROW)


@router.post("/scan")
def scan_store(viewer: ViewerDep, query: StoreScan) -> StreamingResponse:
    """Entries with vectors: for each batch its length in 8 bytes, the most significant first, and an Arrow stream."""

    def parts() -> Iterator[bytes]:
        for entries in viewer.gallery.store.scan(query.where.to_filter(), query.batch):
            content = pack_entries(entries)
            yield len(content).to_bytes(8, "big") + content

    return StreamingResponse(parts(), media_type="application/octet-stream")


@router.post("/add")
async def add_to_store(viewer: ViewerDep, request: Request) -> dict[str, int]:
    """Add or replace entries, which the body holds as an Arrow stream, and show them in the viewer."""
    content = await request.body()
    return await run_in_threadpool(_take_in, viewer, content, False)


@router.post("/replace")
async def replace_in_store(viewer: ViewerDep, request: Request) -> dict[str, int]:
    """Replace entries, which the body holds as an Arrow stream, as far as they are still there."""
    content = await request.body()
    return await run_in_threadpool(_take_in, viewer, content, True)


def _take_in(viewer: Viewer, content: bytes, known_only: bool) -> dict[str, int]:
    entries = unpack_entries(content)
    # the caller may hold the journal of edits, for which an edit here may wait with the lock
    if not viewer.lock.acquire(timeout=_BUSY_SECONDS):
        raise GalleryError("the viewer is busy with an edit; rerun the command")
    try:
        viewer.take_in(entries, known_only)
    finally:
        viewer.lock.release()
    return {"received": len(entries)}


@router.post("/delete")
def delete_from_store(viewer: ViewerDep, maps: MapsDep, query: StoreDeletion) -> dict[str, int]:
    """Erase entries from the store and from the viewer."""
    return {"deleted": delete_entries(viewer, maps, query.where.to_filter())}


@router.post("/forget")
def forget_crops_of_store(viewer: ViewerDep, maps: MapsDep, query: StoreRemoval) -> dict[str, Any]:
    """Erase crops from the store, the viewer and every recorded copy, and verify that nothing is left."""
    result = remove_entries(viewer, maps, Removal(query.by, query.keys, query.images, query.cache_dirs))
    return {
        "cached": [str(folder) for folder in result.cached],
        "pages": [str(page) for page in result.pages],
        "deletion_log": str(result.deletion_log),
    }
