"""Page of open questions on people: whom the crops of a tracklet show, answered by one key."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from reseen.gallery.filter import format_timestamp
from reseen.viewer.pages.person import STRIP, known_names
from reseen.viewer.person_rows import rows_of_nobody
from reseen.viewer.templating import EditorDep, SimilarPeopleDep, ViewerDep, render

router = APIRouter(include_in_schema=False)

_CANDIDATES = 6
"""People to choose from: those of the question, then the next most similar ones."""
_CROPS = 8
"""Crops shown of the tracklet."""


@router.get("/people/questions")
def page(
    request: Request,
    viewer: ViewerDep,
    editor: EditorDep,
    similar: SimilarPeopleDep,
    skip: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """The open question after `skip` others."""
    with viewer.lock:
        people, snapshot = editor.people, viewer.snapshot
        questions = people.questions()
        question = questions[skip] if skip < len(questions) else None
        row, candidates = None, []
        if question is not None:
            row = rows_of_nobody(snapshot.collection, question.keys)[0]
            found = {one.person: one.similarity for one in question.candidates}
            more = similar.like_crops(question.keys, _CANDIDATES, found.keys())
            found |= {one.person: one.similarity for one in more}
            candidates = [(people.get(person), value) for person, value in list(found.items())[:_CANDIDATES]]
        names = known_names(people)
    keys = [member.key for member in row.shown(_CROPS)] if row else []
    viewer.thumbnails.prefetch([*keys, *(key for one, _ in candidates for key in one.keys[:STRIP])])
    return render(
        request, "people_questions.html.j2", snapshot=snapshot, total=len(questions), skip=skip, question=question,
        row=row, keys=keys, candidates=candidates, known=len(question.candidates) if question else 0, names=names,
        strip=STRIP, format_time=format_timestamp,
    )  # fmt: skip
