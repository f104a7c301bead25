"""API of people: who there is, open questions, what edits changed, and edits by the same rules as in the browser."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from reseen.errors import GalleryError
from reseen.gallery.edits.people_change import DecidedBy
from reseen.gallery.people.differences import DifferenceKind
from reseen.gallery.people.members import Person
from reseen.viewer.edits.editor import EditError
from reseen.viewer.edits.people_edits import merge_people, move_crops, reject_people, update_people
from reseen.viewer.templating import EditorDep, SimilarPeopleDep, ViewerDep

router = APIRouter()


class PersonFacts(BaseModel):
    """One person."""

    id: int
    """Number of the person, which is kept for good."""
    name: str | None
    size: int
    """Number of crops."""
    confirmed: int
    """Number of crops that a person decided on."""
    cameras: dict[str, int]
    """Number of crops by camera, without unknown cameras."""
    first: float | None
    """Earliest time in seconds."""
    last: float | None
    """Latest time in seconds."""


class MemberFacts(BaseModel):
    """A crop of a person."""

    key: str
    by: DecidedBy
    """Who decided: a person, or the machine by cluster, tracklet or similarity."""
    score: float | None
    """Cosine similarity that the machine decided by, -1 to 1."""


class SimilarFacts(BaseModel):
    """A person whom somebody or some crops may show."""

    person: int
    similarity: float
    """Cosine similarity, -1 to 1."""


class PersonDetails(PersonFacts):
    """One person with crops."""

    members: list[MemberFacts]
    """Crops by time."""
    similar: list[SimilarFacts]
    """People most similar by their mean vectors, without those whom a person said to be somebody else."""


class PersonQuestionFacts(BaseModel):
    """An open question: crops of a tracklet, or one crop, and whom they may show."""

    crops: list[str]
    candidates: list[SimilarFacts]
    """Most similar first."""


class DifferenceFacts(BaseModel):
    """A difference of the people before and after an edit."""

    kind: DifferenceKind
    person: int
    other: int | None
    crops: list[str]
    text: str


class PeopleEditRequest(BaseModel):
    """An edit of people; `/api/edits` undoes and redoes it."""

    do: Literal["name", "merge", "split", "move", "reject", "confirm", "different", "update"]
    version: int
    """Version of the gallery that the edit refers to."""
    people: list[int] = Field(default=[], max_length=1000)
    """Ids: of the person to name or to reject, of those to merge, of two different ones."""
    crops: list[str] = Field(default=[], max_length=100_000)
    """Keys of crops to split off, to move, to reject or to confirm."""
    to: str = Field(default="", max_length=400)
    """A name for `name` and `split`; a name or an id for `move`, where a new name makes a new person."""


class PeopleEditResult(BaseModel):
    """The result of an edit of people."""

    version: int
    """Version of the gallery after the edit."""
    person: int | None
    """Id of the person who was named, made or extended."""
    differences: list[DifferenceFacts]
    """What the edit changed."""


@router.get("/people")
def list_people(
    viewer: ViewerDep,
    editor: EditorDep,
    start: Annotated[int, Query(ge=0)] = 0,
    most: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[PersonFacts]:
    """People, sorted by id."""
    with viewer.lock:
        return [
            PersonFacts.model_validate(_facts(person)) for person in editor.people.all()[start : start + most]
        ]


@router.get("/people/questions")
def list_person_questions(
    viewer: ViewerDep,
    editor: EditorDep,
    start: Annotated[int, Query(ge=0)] = 0,
    most: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[PersonQuestionFacts]:
    """Open questions, those with the most similar candidate first; `move` and `split` answer them."""
    with viewer.lock:
        return [
            PersonQuestionFacts(
                crops=list(question.keys),
                candidates=[SimilarFacts(**one._asdict()) for one in question.candidates],
            )
            for question in editor.people.questions()[start : start + most]
        ]


@router.get("/people/changes")
def list_changes(
    viewer: ViewerDep, editor: EditorDep, edit: Annotated[int | None, Query(ge=0)] = None
) -> list[DifferenceFacts]:
    """What the edit of a number, counted from 0 as in `/api/edits`, changed about people; by default the last one."""
    with viewer.lock:
        done = editor.done
        if edit is not None and edit >= len(done):
            raise HTTPException(404, "there is no such edit in effect")
        return _differences(editor, edit) if done else []


@router.get("/people/{number}")
def get_person(viewer: ViewerDep, editor: EditorDep, similar: SimilarPeopleDep, number: int) -> PersonDetails:
    """One person with crops and the most similar people."""
    with viewer.lock:
        try:
            person = editor.people.get(number)
        except GalleryError as error:
            raise HTTPException(404, str(error)) from None
        return PersonDetails.model_validate(
            {
                **_facts(person),
                "members": [MemberFacts(key=one.key, by=one.by, score=one.score) for one in person.members],
                "similar": [SimilarFacts(**one._asdict()) for one in similar.like_person(number, 10)],
            }
        )


@router.post("/people")
def edit_people(viewer: ViewerDep, editor: EditorDep, edit: PeopleEditRequest) -> PeopleEditResult:
    """Edit people. Responds with 409, without a change, if `version` is not the current one."""
    with viewer.lock:
        before = len(editor.done)
        person = _apply(editor, edit)
        changed = len(editor.done) > before
        return PeopleEditResult(
            version=viewer.snapshot.version,
            person=None if person is None else person.id,
            differences=_differences(editor, None) if changed else [],
        )


def _apply(editor: EditorDep, edit: PeopleEditRequest) -> Person | None:
    version, crops, to = edit.version, edit.crops, edit.to
    match edit.do:
        case "name":
            return editor.edit_people(version, lambda people: people.rename(_only(edit), to))
        case "merge":
            return merge_people(editor, version, edit.people)
        case "split":
            return editor.edit_people(version, lambda people: people.split(crops, to))
        case "move":
            return move_crops(editor, version, crops, to)
        case "reject":
            editor.edit_people(version, lambda people: people.reject(crops, _only(edit)))
        case "confirm":
            editor.edit_people(version, lambda people: people.confirm(crops))
        case "different":
            if len(edit.people) != 2:
                raise EditError("people: give the ids of two people")
            reject_people(editor, version, *edit.people)
        case "update":
            update_people(editor, version)
    return None


def _only(edit: PeopleEditRequest) -> int:
    if len(edit.people) != 1:
        raise EditError("people: give the id of one person")
    return edit.people[0]


def _facts(person: Person) -> dict[str, object]:
    return {
        "id": person.id, "name": person.name, "size": person.size, "confirmed": person.confirmed,
        "cameras": {camera: count for camera, count in person.cameras.items() if camera is not None},
        "first": person.first, "last": person.last,
    }  # fmt: skip


def _differences(editor: EditorDep, number: int | None) -> list[DifferenceFacts]:
    edit = None if number is None else editor.done[number]
    return [
        DifferenceFacts(
            kind=one.kind, person=one.person, other=one.other, crops=list(one.keys), text=one.text
        )
        for one in editor.people.differences(edit)
    ]
