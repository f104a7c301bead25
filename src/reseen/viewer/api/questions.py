"""API of questions on pairs of crops, with the same rules as in the browser."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from reseen.audit.answers import Verdict
from reseen.viewer.questions import QuestionState
from reseen.viewer.templating import QuestionsDep, ViewerDep
from reseen.viewer.viewer import Viewer

router = APIRouter()


class QuestionAnswer(BaseModel):
    """An answer to a question."""

    version: int
    """Version of the gallery that the question referred to."""
    crops: list[str] = Field(min_length=2, max_length=2)
    """Keys of the two crops."""
    verdict: Verdict


class QuestionFacts(BaseModel):
    """The next question, and what the answers so far give."""

    version: int
    crops: list[str]
    """Keys of the two crops to compare; empty if there is nothing left to ask."""
    sure: int
    """Number of answers `same` and `different`."""
    unsure: int
    trust: str
    """`high`, `medium` or `low`; without trust there is no threshold."""
    further: int | None
    """Estimated number of answers until trust is medium; null without answers."""
    threshold: float | None
    false_share: float | None
    """Share of the pairs at or above the threshold that show different people, 0 to 1."""
    missed_share: float | None
    """Share of the pairs of one person, of the similarities asked about, below the threshold, 0 to 1."""


@router.get("/questions")
def next_question(viewer: ViewerDep, questions: QuestionsDep) -> QuestionFacts:
    """The pair of crops whose answer helps most."""
    with viewer.lock:
        return _facts(viewer, questions.state())


@router.post("/questions")
def answer_question(viewer: ViewerDep, questions: QuestionsDep, answer: QuestionAnswer) -> QuestionFacts:
    """Record an answer and return the next question. Responds with 409, without a change, if `version` is outdated."""
    with viewer.lock:
        questions.answer(answer.version, answer.crops, answer.verdict)
        return _facts(viewer, questions.state())


def _facts(viewer: Viewer, state: QuestionState) -> QuestionFacts:
    found, keys = state.calibration, viewer.snapshot.collection.keys
    return QuestionFacts(
        version=state.version,
        crops=[keys[row] for row in state.pair or ()],
        sure=state.sure,
        unsure=state.unsure,
        trust="low" if found is None else found.trust,
        further=None if found is None else found.further,
        threshold=None if found is None else found.threshold,
        false_share=None if found is None else found.false_share,
        missed_share=None if found is None else found.missed_share,
    )
