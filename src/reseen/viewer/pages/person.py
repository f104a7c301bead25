"""Page of one person (timeline, rows of crops, most similar people), and the page of crops that are nobody's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import GalleryError
from reseen.gallery.edits.people_change import Candidate
from reseen.gallery.filter import format_timestamp
from reseen.gallery.people.people import People
from reseen.viewer.edits.people_edits import nobodys
from reseen.viewer.person_rows import PersonRow, rows_of_nobody, rows_of_person, timeline_of_rows
from reseen.viewer.similar_people import SimilarPeople
from reseen.viewer.templating import EditorDep, SimilarPeopleDep, ViewerDep, page_slice, render
from reseen.viewer.viewer import Viewer

router = APIRouter(include_in_schema=False)

_PAGE_SIZE = 30
"""Rows on a page."""
_CROPS = 12
"""Crops shown of a row, and of the only row that is shown."""
_MOST_CROPS = 400
_SIMILAR, _SEPARATED = 6, 3
"""People shown beside a person: similar ones, and those whom a person said to be somebody else."""
STRIP = 5
"""Crops shown of each of them."""
_NAMES = 2000
"""Names that the fields suggest, at most."""


@dataclass(frozen=True)
class CropCaptions:
    """What stands below crops, by key."""

    similarity: Mapping[str, float]
    """Cosine similarity to the mean of the person whose crop it is, or of the nearest one."""
    other: Mapping[str, tuple[int, str]]
    """Id and title of the person whose mean is more similar, or of the nearest one."""
    doubtful: frozenset[str] = frozenset()
    """Crops that get a frame."""
    confirmed: frozenset[str] = frozenset()
    """Crops that a person decided on."""


@router.get("/people/nobody")
def nobody(
    request: Request, viewer: ViewerDep, editor: EditorDep, similar: SimilarPeopleDep, row: str = ""
) -> Response:
    """Crops that are nobody's."""
    with viewer.lock:
        people = editor.people
        rows = rows_of_nobody(viewer.snapshot.collection, nobodys(people))
        part, shown = _shown_rows(request, rows, row)
        keys = [key for some in shown.values() for key in some]
        nearest = similar.nearest_to_crops(keys) if len(people) else {}
        captions = CropCaptions(
            {key: one.similarity for key, one in nearest.items()},
            {key: (one.person, people.state.title(one.person)) for key, one in nearest.items()},
        )
        values = {
            "snapshot": viewer.snapshot,
            "part": part,
            "shown": shown,
            "total": sum(len(one.members) for one in rows),
            "captions": captions,
            "names": known_names(people),
            "one_row": row,
        }
    viewer.thumbnails.prefetch(keys)
    return render(request, "nobody.html.j2", format_time=format_timestamp, **values)


@router.get("/people/{name}")
def person_page(
    request: Request,
    viewer: ViewerDep,
    editor: EditorDep,
    similar: SimilarPeopleDep,
    *,
    name: str,
    order: str = "time",
    row: str = "",
) -> Response:
    """The page of a person by id, in the order of `time` or the least similar crops first (`fit`)."""
    if not name.isdecimal() or len(name) > 18:
        raise HTTPException(404, f"There is no person {name[:40]}.")
    with viewer.lock:
        people, number = editor.people, int(name)
        try:
            person = people.get(number)
        except GalleryError as error:
            into = people.state.survivor(number)
            if into is not None:
                return RedirectResponse(f"/people/{into}", 303)
            raise HTTPException(404, str(error)) from None
        rows = rows_of_person(person)
        line = timeline_of_rows(rows, f"/people/{number}", _PAGE_SIZE)
        fit = _fits(viewer, similar, number, person.keys)
        if order == "fit":
            rows.sort(key=lambda one: min(fit[member.key] for member in one.members))
        part, shown = _shown_rows(request, rows, row)
        keys = [key for some in shown.values() for key in some]
        misfits = _misfits(similar, people, number, keys, fit)
        confirmed = frozenset(member.key for member in person.members if member.by == "person")
        beside, separated = _beside(similar, number)
        values = {
            "snapshot": viewer.snapshot,
            "person": person,
            "part": part,
            "shown": shown,
            "line": line,
            "captions": CropCaptions(fit, misfits, frozenset(misfits), confirmed),
            "beside": [(people.get(one.person), one.similarity) for one in beside],
            "separated": separated,
            "adjacent": _adjacent(people, number),
            "names": known_names(people),
            "order": order,
            "one_row": row,
        }
        strips = [key for one, _ in values["beside"] for key in one.keys[:STRIP]]
    viewer.thumbnails.prefetch([*keys, *strips])
    return render(request, "person.html.j2", strip=STRIP, format_time=format_timestamp, **values)


def known_names(people: People) -> list[str]:
    """Names of people, sorted, at most 2,000."""
    names = (people.state.name(person) for person in people.state.members)
    return sorted((name for name in names if name), key=str.casefold)[:_NAMES]


def _shown_rows(
    request: Request, rows: Sequence[PersonRow], only: str
) -> tuple[object, dict[str, list[str]]]:
    """The page of rows, and the keys of the crops that are shown of each."""
    chosen = [row for row in rows if row.key == only] if only else rows
    part = page_slice(request, chosen, _PAGE_SIZE)
    most = _MOST_CROPS if only else _CROPS
    return part, {row.key: [member.key for member in row.shown(most)] for row in part.items}


def _fits(viewer: Viewer, similar: SimilarPeople, person: int, keys: Sequence[str]) -> dict[str, float]:
    """Cosine similarity of each crop to the mean of its person."""
    collection, mean = viewer.snapshot.collection, similar.mean(person)
    if mean is None:
        return dict.fromkeys(keys, 0.0)
    similarity = collection.vectors[[collection.rows[key] for key in keys]].astype("float32") @ mean
    return dict(zip(keys, similarity.tolist(), strict=True))


def _misfits(
    similar: SimilarPeople,
    people: People,
    person: int,
    keys: Sequence[str],
    fit: dict[str, float],
) -> dict[str, tuple[int, str]]:
    """Crops that the machine assigned and that are more similar to somebody else, with id and title of that person."""
    open_ones = [key for key in keys if people.state.decisions[key].by != "person"]
    nearest = similar.nearest_to_crops(open_ones)
    return {
        key: (one.person, people.state.title(one.person))
        for key, one in nearest.items()
        if one.person != person and one.similarity > fit[key]
    }


def _beside(similar: SimilarPeople, person: int) -> tuple[list[Candidate], set[int]]:
    """The people shown beside a person, and those of them who are somebody else by a person's word."""
    separated = similar.separated(person)
    others = sorted(
        (Candidate(one, similar.similarity(person, one)) for one in separated),
        key=lambda one: -one.similarity,
    )
    return [*similar.like_person(person, _SIMILAR), *others[:_SEPARATED]], separated


def _adjacent(people: People, person: int) -> tuple[int | None, int | None]:
    """Ids of the people before and after a person; None at the ends."""
    before = max((one for one in people.state.members if one < person), default=None)
    after = min((one for one in people.state.members if one > person), default=None)
    return before, after
