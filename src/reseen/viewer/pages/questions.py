"""Questions page: one pair of crops at a time, and what the answers so far give."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from reseen.audit.answers import Verdict
from reseen.viewer.edits.editor import EditError
from reseen.viewer.templating import FlashMessage, QuestionsDep, ViewerDep, render

router = APIRouter(include_in_schema=False)


@router.get("/questions")
def page(request: Request, viewer: ViewerDep, questions: QuestionsDep) -> Response:
    """The next question."""
    with viewer.lock:
        state, snapshot = questions.state(), viewer.snapshot
        if state.pair is not None:
            viewer.thumbnails.prefetch(snapshot.collection.keys[row] for row in state.pair)
    return render(request, "questions.html.j2", state=state, snapshot=snapshot)


@router.post("/questions")
async def answer(
    request: Request,
    questions: QuestionsDep,
    version: Annotated[int, Form()],
    crops: Annotated[list[str], Form(max_length=2)],
    verdict: Annotated[Verdict, Form()],
) -> Response:
    """Record the answer and go on to the next question."""
    try:
        await run_in_threadpool(questions.answer, version, crops, verdict)
    except EditError as error:
        message = FlashMessage(str(error), is_error=True)
    else:
        words = {"same": "same person", "different": "different people", "unsure": "unsure"}[verdict]
        message = FlashMessage(f"Answered: {words}.", can_undo=True)
    return RedirectResponse(f"/questions?flash={request.app.state.flash.add(message)}", 303)
