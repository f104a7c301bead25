"""API of deletion; a dry run by default."""

from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel, Field

from reseen.errors import SettingsError
from reseen.gallery.selection import ROUNDS
from reseen.viewer.deletion import (
    DeletionPlan,
    execute_deletion,
    plan_cluster,
    plan_crop,
    plan_like,
    preview_deletion,
)
from reseen.viewer.pages.map import MapsDep
from reseen.viewer.templating import ViewerDep
from reseen.viewer.viewer import Snapshot

router = APIRouter()


class ForgetRequest(BaseModel, extra="forbid"):
    """Crops to delete."""

    by: Literal["image", "cluster", "like"]
    key: Annotated[str, Field(max_length=64)] = ""
    """Key of a crop, for `image` and `like`."""
    path: Annotated[str, Field(max_length=4096)] = ""
    """For `image`, instead of a key: path of the crop, relative to the indexed folder or absolute."""
    cluster: int | None = None
    """For `cluster`: its number."""
    similarity: float | None = None
    """For `like`: minimum cosine similarity to the crop, -1 to 1."""
    rounds: Annotated[int, Field(ge=0, le=1000)] = ROUNDS
    """For `like`: number of times that the matches become queries in turn."""
    dry_run: bool = True
    """Only report what would be deleted."""


class ForgottenFacts(BaseModel):
    """What was deleted, or would be."""

    dry_run: bool
    keys: list[str]
    files: list[str]
    """Image files of the crops, which reseen never deletes."""
    cached: list[str]
    """Cache folders of decoded crops and of features that are deleted."""
    pages: list[str]
    """Reports of earlier commands that show or name some of the crops; never deleted."""
    still_similar: int | None
    """Number of remaining crops with at least similarity `threshold` to a deleted one; null without a threshold."""
    threshold: float | None
    near: list[str]
    """For `like`: keys of crops just below the similarity, most similar first."""
    ledger: str | None
    """File of the deletion log."""


@router.post("/forget")
def forget(viewer: ViewerDep, maps: MapsDep, query: ForgetRequest) -> ForgottenFacts:
    """Delete a crop, a cluster, or all crops similar to a crop."""
    plan = _plan(viewer.snapshot, query)
    result = preview_deletion(viewer, plan) if query.dry_run else execute_deletion(viewer, maps, plan)
    return ForgottenFacts(
        dry_run=query.dry_run,
        keys=[entry.key for entry in result.entries],
        files=list(result.files),
        cached=[str(folder) for folder in result.cached],
        pages=[str(page) for page in result.pages],
        still_similar=result.still_similar,
        threshold=result.threshold,
        near=list(plan.near),
        ledger=None if result.deletion_log is None else str(result.deletion_log),
    )


def _plan(snapshot: Snapshot, query: ForgetRequest) -> DeletionPlan:
    if query.by == "image":
        return plan_crop(snapshot, query.key, query.path)
    if query.by == "cluster":
        if query.cluster is None:
            raise SettingsError("cluster: the number is missing")
        return plan_cluster(snapshot, query.cluster)
    row = snapshot.collection.rows.get(query.key)
    if row is None or query.similarity is None:
        raise SettingsError("like: expected the key of a crop in this gallery, and a similarity")
    vectors = snapshot.collection.vectors[[row]].astype(np.float32)
    return plan_like(
        snapshot, vectors, query.similarity, f"Similarity of at least {query.similarity:g}", query.rounds
    )
