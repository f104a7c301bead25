"""API of the gallery, its clusters and its entries."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from reseen.viewer.clusters import Cluster
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
    now, model = viewer.now, viewer.gallery.model
    return GalleryFacts(
        address=viewer.address,
        engine=viewer.engine,
        method=model.method,
        backbone=model.backbone,
        dimension=model.dimension,
        count=len(now.collection),
        clusters=len(now.clusters),
        version=now.version,
    )


@router.get("/clusters")
def list_clusters(
    viewer: ViewerDep,
    start: Annotated[int, Query(ge=0)] = 0,
    most: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[ClusterFacts]:
    """Clusters, sorted by number."""
    now = viewer.now
    return [cluster_facts(now, cluster) for cluster in now.clusters.all()[start : start + most]]


@router.get("/clusters/{number}")
def list_members(viewer: ViewerDep, number: int) -> list[EntryFacts]:
    """Crops of a cluster, most central first."""
    now = viewer.now
    if number not in now.clusters:
        raise HTTPException(404, f"there is no cluster {number}")
    return [entry_facts(now, row) for row in now.clusters[number].rows.tolist()]


@router.get("/entries/{key}")
def get_entry(viewer: ViewerDep, key: str) -> EntryFacts:
    """One crop."""
    now = viewer.now
    if key not in now.collection.rows:
        raise HTTPException(404, "there is no entry with this key")
    return entry_facts(now, now.collection.rows[key])


def cluster_facts(now: Snapshot, cluster: Cluster) -> ClusterFacts:
    """The API representation of a cluster."""
    names = now.collection.camera_names
    return ClusterFacts(
        number=cluster.number,
        size=cluster.size,
        squared_error=cluster.squared_error,
        cameras={names[camera]: count for camera, count in cluster.cameras if camera >= 0},
    )


def entry_facts(now: Snapshot, row: int) -> EntryFacts:
    """The API representation of a crop."""
    entry = now.collection.entries[row]
    return EntryFacts(
        key=now.collection.keys[row], source=entry.source, image=entry.image, camera=entry.camera,
        time=entry.time, tracklet=entry.tracklet, cluster=entry.cluster,
    )  # fmt: skip
