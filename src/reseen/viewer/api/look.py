"""What is in the gallery, for programs."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from reseen.viewer.clusters import Cluster
from reseen.viewer.templating import ThisViewer
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
    """Send it with a change; it is refused where something else has changed since."""


class ClusterFacts(BaseModel):
    """One cluster."""

    number: int
    size: int
    squared_error: float
    """n - |sum|^2 / n of its unit vectors."""
    cameras: dict[str, int]
    """Crops of each camera that is known."""


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
def gallery(viewer: ThisViewer) -> GalleryFacts:
    """What is looked at."""
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
def clusters(
    viewer: ThisViewer,
    start: Annotated[int, Query(ge=0)] = 0,
    most: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[ClusterFacts]:
    """Clusters by number."""
    now = viewer.now
    return [cluster_facts(now, cluster) for cluster in now.clusters.all()[start : start + most]]


@router.get("/clusters/{number}")
def members(viewer: ThisViewer, number: int) -> list[EntryFacts]:
    """The crops of a cluster, the most central first."""
    now = viewer.now
    if number not in now.clusters:
        raise HTTPException(404, f"no cluster has the number {number}")
    return [entry_facts(now, row) for row in now.clusters[number].rows.tolist()]


@router.get("/entries/{key}")
def entry(viewer: ThisViewer, key: str) -> EntryFacts:
    """One crop."""
    now = viewer.now
    if key not in now.collection.rows:
        raise HTTPException(404, "no entry has this key")
    return entry_facts(now, now.collection.rows[key])


def cluster_facts(now: Snapshot, cluster: Cluster) -> ClusterFacts:
    """A cluster as programs see it."""
    names = now.collection.camera_names
    return ClusterFacts(
        number=cluster.number,
        size=cluster.size,
        squared_error=cluster.squared_error,
        cameras={names[camera]: count for camera, count in cluster.cameras if camera >= 0},
    )


def entry_facts(now: Snapshot, row: int) -> EntryFacts:
    """A crop as programs see it."""
    one = now.collection.entries[row]
    return EntryFacts(
        key=now.collection.keys[row], source=one.source, image=one.image, camera=one.camera, time=one.time,
        tracklet=one.tracklet, cluster=one.cluster,
    )  # fmt: skip
