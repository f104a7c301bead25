"""API of the gallery, its clusters, its entries and their map coordinates."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from reseen.viewer.clusters import Cluster
from reseen.viewer.maps import Layout
from reseen.viewer.pages.map import MapsDep
from reseen.viewer.templating import ViewerDep
from reseen.viewer.viewer import Snapshot

router = APIRouter()


class GalleryFacts(BaseModel):
    """The gallery as a whole."""

    address: str
    engine: str
    method: str
    backbone: str
    dimension: int
    mirrored: bool
    """Whether vectors are means of the embeddings of a crop and its mirror image."""
    count: int
    clusters: int
    version: int
    """Version to send with an edit, which is rejected if the clusters have changed since."""


class ClusterFacts(BaseModel):
    """One cluster."""

    number: int
    size: int
    squared_error: float
    """Sum of squared distances to the mean: n - |sum|^2 / n of its unit vectors."""
    cameras: dict[str, int]
    """Number of crops by camera, without unknown cameras."""


class EntryFacts(BaseModel):
    """One crop."""

    key: str
    source: str
    image: str
    camera: str | None
    time: float | None
    tracklet: int | None
    cluster: int | None


@router.get("/gallery")
def get_gallery(viewer: ViewerDep) -> GalleryFacts:
    """The gallery and the current version of its clusters."""
    snapshot, model = viewer.snapshot, viewer.gallery.model
    return GalleryFacts(
        address=viewer.address,
        engine=viewer.engine,
        method=model.method,
        backbone=model.backbone,
        mirrored=model.mirrored,
        dimension=model.dimension,
        count=len(snapshot.collection),
        clusters=len(snapshot.clusters),
        version=snapshot.version,
    )


@router.get("/clusters")
def list_clusters(
    viewer: ViewerDep,
    start: Annotated[int, Query(ge=0)] = 0,
    most: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[ClusterFacts]:
    """Clusters, sorted by number."""
    snapshot = viewer.snapshot
    return [cluster_facts(snapshot, cluster) for cluster in snapshot.clusters.all()[start : start + most]]


@router.get("/clusters/{number}")
def list_members(viewer: ViewerDep, number: int) -> list[EntryFacts]:
    """Crops of a cluster, most central first."""
    snapshot = viewer.snapshot
    if number not in snapshot.clusters:
        raise HTTPException(404, f"there is no cluster {number}")
    return [entry_facts(snapshot, row) for row in snapshot.clusters[number].rows.tolist()]


@router.get("/entries/{key}")
def get_entry(viewer: ViewerDep, key: str) -> EntryFacts:
    """One crop."""
    snapshot = viewer.snapshot
    if key not in snapshot.collection.rows:
        raise HTTPException(404, "there is no entry with this key")
    return entry_facts(snapshot, snapshot.collection.rows[key])


def cluster_facts(snapshot: Snapshot, cluster: Cluster) -> ClusterFacts:
    """The API representation of a cluster."""
    names = snapshot.collection.camera_names
    return ClusterFacts(
        number=cluster.number,
        size=cluster.size,
        squared_error=cluster.squared_error,
        cameras={names[camera]: count for camera, count in cluster.cameras if camera >= 0},
    )


def entry_facts(snapshot: Snapshot, row: int) -> EntryFacts:
    """The API representation of a crop."""
    entry = snapshot.collection.entries[row]
    return EntryFacts(
        key=snapshot.collection.keys[row], source=entry.source, image=entry.image, camera=entry.camera,
        time=entry.time, tracklet=entry.tracklet, cluster=entry.cluster,
    )  # fmt: skip


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
