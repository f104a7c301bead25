"""Forget somebody: choose, look at what would go, confirm."""

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
    carry_out,
    plan_cluster,
    plan_crop,
    plan_like,
    preview_deletion,
    with_more,
    with_rest,
    without,
)
from reseen.viewer.pages.map import TheseMaps
from reseen.viewer.templating import ThisViewer, show
from reseen.viewer.uploads import SentForm, sent_images
from reseen.viewer.viewer import Snapshot, Viewer

router = APIRouter(include_in_schema=False)

_SHOWN = 400
"""Thumbnails of a plan; more are counted only."""


def _plans(request: Request) -> DeletionPlans:
    return request.app.state.plans


ThesePlans = Annotated[DeletionPlans, Depends(_plans)]
"""A parameter of this type is the plans of the viewer that a request is for."""


@router.get("/forget")
def page(request: Request, viewer: ThisViewer, key: str = "", cluster: str = "") -> Response:
    """Choose; a crop or a cluster may come from another page."""
    return _choose(request, viewer, key, cluster)


@router.post("/forget")
async def look(request: Request, viewer: ThisViewer, plans: ThesePlans, form: SentForm) -> Response:
    """What would go. Nothing goes yet."""
    try:
        plan = with_rest(viewer.now, await _plan(viewer, viewer.now, form))
        rehearsal = await run_in_threadpool(preview_deletion, viewer, plan)
    except DataError as error:
        return _choose(request, viewer, problem=f"This image cannot be used: {error}.")
    except ReseenError as error:
        return _choose(request, viewer, problem=str(error))
    viewer.thumbnails.warm((*plan.keys[:_SHOWN], *plan.rest[:_SHOWN], *plan.near))
    return show(
        request,
        "forget_look.html.j2",
        plan=plan,
        token=plans.add(plan),
        shown=_SHOWN,
        rehearsal=rehearsal,
        now=viewer.now,
    )


@router.post("/forget/confirm")
async def confirm(
    request: Request, viewer: ThisViewer, plans: ThesePlans, maps: TheseMaps, form: SentForm
) -> Response:
    """Forget what was looked at."""
    plan = plans.take(str(form.get("plan", "")))
    if plan is None:
        return _choose(
            request, viewer, problem="That was done already, or too long ago to be sure; choose again."
        )
    plan = with_more(plan, (str(key) for key in form.getlist("also")))
    plan = without(plan, (str(key) for key in form.getlist("keep")))
    if not plan.keys or form.get("sure") != "yes":
        return _choose(
            request, viewer, problem="Nothing was forgotten, as nothing was left to forget or confirmed."
        )
    try:
        done = await run_in_threadpool(carry_out, viewer, maps, plan)
    except ReseenError as error:
        return _choose(request, viewer, problem=str(error))
    return show(request, "forget_done.html.j2", plan=plan, done=done)


async def _plan(viewer: Viewer, now: Snapshot, form: FormData) -> DeletionPlan:
    by = form.get("by")
    key = str(form.get("key") or "")
    if by == "image":
        return plan_crop(now, key, str(form.get("path") or "").strip())
    if by == "cluster":
        return plan_cluster(now, int(_number(form, "cluster")))
    if by != "like":
        raise SettingsError("say what to forget: a crop, a cluster, or everybody like an image")
    similarity = _number(form, "similarity")
    rounds = ROUNDS if not str(form.get("rounds") or "").strip() else int(_number(form, "rounds"))
    images = await sent_images(form)
    if images:
        vectors = await run_in_threadpool(_embed, viewer, images)
        sent = (
            "the image that was sent"
            if len(images) == 1
            else f"one of the {len(images)} images that were sent"
        )
        return await run_in_threadpool(
            plan_like, now, vectors, similarity, f"Similarity {similarity:g} or more with {sent}", rounds
        )
    if key not in now.collection.rows:
        raise SettingsError("choose an image of the person")
    vectors = now.collection.vectors[[now.collection.rows[key]]].astype(np.float32)
    words = f"Similarity {similarity:g} or more with the crop that was chosen"
    return await run_in_threadpool(plan_like, now, vectors, similarity, words, rounds)


def _embed(viewer: Viewer, images: list[bytes]) -> np.ndarray:
    with viewer.lock:
        return np.stack([viewer.gallery.embed(image) for image in images])


def _number(form: FormData, name: str) -> float:
    text = str(form.get(name) or "").strip()
    try:
        return float(text) if name == "similarity" else int(text)
    except ValueError:
        raise SettingsError(f"{name}: a number is needed, found '{text[:80]}'") from None


def _choose(
    request: Request, viewer: Viewer, key: str = "", cluster: str = "", problem: str = ""
) -> Response:
    now = viewer.now
    calibration = viewer.gallery.calibration
    return show(
        request,
        "forget.html.j2",
        status=422 if problem else 200,
        key=key if key in now.collection.rows else "",
        cluster=cluster if cluster.isdecimal() else "",
        problem=problem,
        rounds=ROUNDS,
        threshold=None if calibration is None else calibration.threshold,
        now=now,
    )
