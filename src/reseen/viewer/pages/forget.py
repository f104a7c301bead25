"""Deletion in three steps: select crops, preview what will be deleted, confirm."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.datastructures import FormData

from reseen.errors import DataError, ReseenError, SettingsError
from reseen.gallery.selection import ROUNDS
from reseen.viewer.deletion import (
    DeletionPlan,
    DeletionPlans,
    execute_deletion,
    plan_cluster,
    plan_crop,
    plan_like,
    preview_deletion,
    with_more,
    with_rest,
    without,
)
from reseen.viewer.pages.map import MapsDep
from reseen.viewer.templating import ViewerDep, render
from reseen.viewer.uploads import FormDep, read_uploaded_images
from reseen.viewer.viewer import Snapshot, Viewer

router = APIRouter(include_in_schema=False)

_MAX_SHOWN = 400
"""Thumbnails shown of a plan; the others are only counted."""


def _plans(request: Request) -> DeletionPlans:
    return request.app.state.plans


PlansDep = Annotated[DeletionPlans, Depends(_plans)]
"""Dependency: the previewed plans of the application."""


@router.get("/forget")
def page(request: Request, viewer: ViewerDep, key: str = "", cluster: str = "") -> Response:
    """The selection page, optionally with a preselected crop or cluster."""
    return _selection_page(request, viewer, key, cluster)


@router.post("/forget")
async def preview(request: Request, viewer: ViewerDep, plans: PlansDep, form: FormDep) -> Response:
    """The preview page of a selection; nothing is deleted."""
    try:
        plan = with_rest(viewer.snapshot, await _plan(viewer, viewer.snapshot, form))
        dry_run = await run_in_threadpool(preview_deletion, viewer, plan)
    except DataError as error:
        return _selection_page(request, viewer, problem=f"Cannot use this image: {error}.")
    except ReseenError as error:
        return _selection_page(request, viewer, problem=str(error))
    viewer.thumbnails.prefetch((*plan.keys[:_MAX_SHOWN], *plan.rest[:_MAX_SHOWN], *plan.near))
    return render(
        request,
        "forget_preview.html.j2",
        plan=plan,
        token=plans.add(plan),
        shown=_MAX_SHOWN,
        dry_run=dry_run,
        snapshot=viewer.snapshot,
    )


@router.post("/forget/confirm")
async def confirm(
    request: Request, viewer: ViewerDep, plans: PlansDep, maps: MapsDep, form: FormDep
) -> Response:
    """Delete the previewed crops, with the changes made on the preview page."""
    plan = plans.pop(str(form.get("plan", "")))
    if plan is None:
        return _selection_page(
            request, viewer, problem="This selection was already deleted or has expired; select again."
        )
    plan = with_more(plan, (str(key) for key in form.getlist("also")))
    plan = without(plan, (str(key) for key in form.getlist("keep")))
    if not plan.keys or form.get("sure") != "yes":
        return _selection_page(
            request,
            viewer,
            problem="Nothing was deleted: no crop was selected, or the deletion was not confirmed.",
        )
    try:
        result = await run_in_threadpool(execute_deletion, viewer, maps, plan)
    except ReseenError as error:
        return _selection_page(request, viewer, problem=str(error))
    return render(request, "forget_done.html.j2", plan=plan, result=result)


async def _plan(viewer: Viewer, snapshot: Snapshot, form: FormData) -> DeletionPlan:
    by = form.get("by")
    key = str(form.get("key") or "")
    if by == "image":
        return plan_crop(snapshot, key, str(form.get("path") or "").strip())
    if by == "cluster":
        return plan_cluster(snapshot, int(_number(form, "cluster")))
    if by != "like":
        raise SettingsError("nothing is selected; choose a crop, a cluster, or similar crops")
    similarity = _number(form, "similarity")
    rounds = ROUNDS if not str(form.get("rounds") or "").strip() else int(_number(form, "rounds"))
    images = await read_uploaded_images(form)
    if images:
        vectors = await run_in_threadpool(_embed, viewer, images)
        query = "the uploaded image" if len(images) == 1 else f"one of the {len(images)} uploaded images"
        return await run_in_threadpool(
            plan_like,
            snapshot,
            vectors,
            similarity,
            f"Similarity of at least {similarity:g} to {query}",
            rounds,
        )
    if key not in snapshot.collection.rows:
        raise SettingsError("choose an image of the person")
    vectors = snapshot.collection.vectors[[snapshot.collection.rows[key]]].astype(np.float32)
    description = f"Similarity of at least {similarity:g} to the selected crop"
    return await run_in_threadpool(plan_like, snapshot, vectors, similarity, description, rounds)


def _embed(viewer: Viewer, images: list[bytes]) -> np.ndarray:
    with viewer.lock:
        return np.stack([viewer.gallery.embed(image) for image in images])


def _number(form: FormData, name: str) -> float:
    text = str(form.get(name) or "").strip()
    try:
        return float(text) if name == "similarity" else int(text)
    except ValueError:
        raise SettingsError(f"{name}: expected a number, got '{text[:80]}'") from None


def _selection_page(
    request: Request, viewer: Viewer, key: str = "", cluster: str = "", problem: str = ""
) -> Response:
    snapshot = viewer.snapshot
    calibration = viewer.gallery.calibration
    return render(
        request,
        "forget.html.j2",
        status=422 if problem else 200,
        key=key if key in snapshot.collection.rows else "",
        cluster=cluster if cluster.isdecimal() else "",
        problem=problem,
        rounds=ROUNDS,
        threshold=None if calibration is None else calibration.threshold,
        snapshot=snapshot,
    )
