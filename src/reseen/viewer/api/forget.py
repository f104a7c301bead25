"""ForgetRequest, for programs: a dry run unless they say otherwise."""

from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel, Field

from reseen.errors import SettingsError
from reseen.gallery.selection import ROUNDS
from reseen.viewer.deletion import (
    DeletionPlan,
    carry_out,
    plan_cluster,
    plan_crop,
    plan_like,
    preview_deletion,
)
from reseen.viewer.pages.map import TheseMaps
from reseen.viewer.templating import ThisViewer
from reseen.viewer.viewer import Snapshot

router = APIRouter()


class ForgetRequest(BaseModel, extra="forbid"):
    """What to forget."""

    by: Literal["image", "cluster", "like"]
    key: Annotated[str, Field(max_length=64)] = ""
    """A crop, by `image` and by `like`."""
    path: Annotated[str, Field(max_length=4096)] = ""
    """In place of the key by `image`: the crop's path, as the gallery or the disk has it."""
    cluster: int | None = None
    similarity: float | None = None
    """By `like`: least cosine similarity with the crop, -1 to 1."""
    rounds: Annotated[int, Field(ge=0, le=1000)] = ROUNDS
    """By `like`: so many times search again with what was found."""
    dry_run: bool = True
    """Change nothing, and say what would go."""


class ForgottenFacts(BaseModel):
    """What was removed, or would be."""

    dry_run: bool
    keys: list[str]
    files: list[str]
    """The image files themselves, which are never deleted."""
    cached: list[str]
    """Folders of decoded crops."""
    pages: list[str]
    """Files that earlier commands wrote for a person, and that show or name some of these crops; never deleted."""
    still_similar: int | None
    """Other crops at least as similar to one of these as `threshold`; null where none is known."""
    threshold: float | None
    near: list[str]
    """By `like`: keys right below the similarity, the most similar first."""
    ledger: str | None
    """Where it is noted."""


@router.post("/forget")
def forget(viewer: ThisViewer, maps: TheseMaps, wanted: ForgetRequest) -> ForgottenFacts:
    """Forget a crop, a cluster, or everybody like a crop."""
    plan = _plan(viewer.now, wanted)
    done = preview_deletion(viewer, plan) if wanted.dry_run else carry_out(viewer, maps, plan)
    return ForgottenFacts(
        dry_run=wanted.dry_run,
        keys=[entry.key for entry in done.entries],
        files=list(done.files),
        cached=[str(folder) for folder in done.cached],
        pages=[str(page) for page in done.pages],
        still_similar=done.still_similar,
        threshold=done.threshold,
        near=list(plan.near),
        ledger=None if done.deletion_log is None else str(done.deletion_log),
    )


def _plan(now: Snapshot, wanted: ForgetRequest) -> DeletionPlan:
    if wanted.by == "image":
        return plan_crop(now, wanted.key, wanted.path)
    if wanted.by == "cluster":
        if wanted.cluster is None:
            raise SettingsError("cluster: give its number")
        return plan_cluster(now, wanted.cluster)
    row = now.collection.rows.get(wanted.key)
    if row is None or wanted.similarity is None:
        raise SettingsError("like: give the key of a crop in this gallery, and a similarity")
    vectors = now.collection.vectors[[row]].astype(np.float32)
    return plan_like(
        now, vectors, wanted.similarity, f"Similarity {wanted.similarity:g} or more", wanted.rounds
    )
