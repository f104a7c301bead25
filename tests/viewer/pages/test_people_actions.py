"""Edits of people by forms and by the API, and what the pages answer, without a browser."""

import re
from html import unescape

import pytest
from starlette.testclient import TestClient
from tests.viewer.conftest import gallery_of_people

from reseen.viewer.edits.people_edits import crops_of_rows, nobodys
from reseen.viewer.person_rows import rows_of_nobody
from reseen.viewer.security import Access
from reseen.viewer.server import make_app
from reseen.viewer.viewer import Viewer

HERE = "http://127.0.0.1:8000"
NOTICE = re.compile(r'<div id="notice"[^>]*>\s*<div([^>]*)>\s*<p>(.*?)</p>', re.DOTALL)


class Desk:
    """A browser without a window, and a program with the secret."""

    def __init__(self, file):
        access = Access()
        self.app = make_app(Viewer(gallery_of_people()), access, journal=file)
        self.viewer, self.editor = self.app.state.viewer, self.app.state.editor
        self.people = self.editor.people
        self.guest = TestClient(
            self.app, base_url=HERE, headers={"Sec-Fetch-Site": "same-origin", "Origin": HERE}
        )
        self.guest.get(f"/?token={access.login_token}")
        self.program = TestClient(
            self.app, base_url=HERE, headers={"Authorization": f"Bearer {access.secret}"}
        )

    def page(self, path, status=200):
        """The text of a page."""
        answer = self.guest.get(path)
        assert answer.status_code == status, answer.text
        return unescape(answer.text)

    def edit(self, do, back="/people", version=None, **fields):
        """Send a form; returns the path that it leads to and the message there."""
        version = self.viewer.snapshot.version if version is None else version
        answer = self.guest.post("/people/edits", data={"do": do, "version": version, "back": back, **fields})
        assert answer.status_code == 200, answer.text
        attributes, words = NOTICE.search(answer.text).groups()
        return answer.url.path, unescape(words), "bad" in attributes

    def call(self, status=200, **fields):
        """Send an edit as a program does."""
        answer = self.program.post("/api/people", json={"version": self.viewer.snapshot.version, **fields})
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path / "mends.jsonl")
    made.edit("update")
    return made


def test_without_people_the_pages_say_how_to_make_them(tmp_path):
    desk = Desk(tmp_path / "mends.jsonl")
    assert desk.guest.get("/").url.path == "/clusters"
    shown = desk.page("/people")
    assert "reseen people update memory:" in shown
    assert "reseen people adopt memory: OTHER-GALLERY" in shown
    assert "There are no people yet" in desk.page("/people/questions")
    assert "There are no people yet" in desk.page("/people/changes")
    assert "48 crops" in desk.page("/people/nobody")
    assert "there is no person 1" in desk.page("/people/1", 404)
    assert desk.edit("update")[:2] == ("/people", "People updated: 6 new, 6 asked.")
    assert desk.guest.get("/").url.path == "/people"


def test_names(desk):
    assert desk.edit("name", "/people/1", people=1, to=" Anna ") == (
        "/people/1",
        "Person 1 is Anna now.",
        False,
    )
    path, words, bad = desk.edit("name", "/people/2", people=2, to="ANNA")
    assert (path, bad) == ("/people/2", True)
    assert "already named Anna" in words
    assert desk.edit("name", people=2, to="77")[2]
    assert desk.edit("name", people=1, to="")[1] == "Person 1 has no name now."
    assert desk.edit("name", to="Anna")[1:] == ("the person is missing", True)


def test_merging_keeps_who_has_a_name_then_who_was_confirmed_then_who_has_more(desk):
    desk.edit("name", people=4, to="Anna")
    assert desk.edit("merge", "/people/3", people=[3, 4]) == (
        "/people/4",
        "Person 3 merged into Anna.",
        False,
    )
    desk.edit("confirm", people=2, crops=desk.people.get(2).keys[0])
    assert desk.edit("merge 2", "/people/1", people=1)[:2] == ("/people/2", "Person 1 merged into person 2.")
    desk.edit("split", crops=desk.people.get(5).keys[0])
    assert desk.edit("merge", "/people/5", people=5, to="6")[0] == "/people/6"
    assert desk.edit("merge", people=[2])[1:] == ("select at least two people to merge", True)
    assert desk.edit("merge", people=2, to="nobody of this name")[2]
    assert desk.guest.get("/people/3").url.path == "/people/4"


def test_crops_and_rows_move_to_people_by_number_by_name_and_to_new_names(desk):
    first, second, *_ = desk.people.get(1).keys
    assert desk.edit("move", "/people/1", crops=first, to="2")[1] == "1 crop moved to person 2."
    assert desk.people.person_of(first) == 2
    assert desk.edit("move", crops=[first, second], to="Ben")[1] == "2 crops moved to Ben."
    ben = desk.people.find("ben")
    assert set(ben.keys) == {first, second}
    row = desk.people.get(3).sightings[1].members
    desk.edit(f"move {ben.id}", crops=row[0].key, rows=row[0].key)
    assert {member.key for member in row} <= set(desk.people.get(ben.id).keys)
    assert desk.edit("move", to="Ben")[2]
    assert desk.edit("move", crops=first, to=" ")[2]
    assert desk.edit("move", crops="no key", to="Ben")[2]
    assert desk.edit("move", rows=row[1].key, to="Ben")[1:] == (
        "a row of crops is another one by now; reload the page",
        True,
    )


def test_a_row_of_nobody_becomes_somebody(desk):
    rows = rows_of_nobody(desk.people.collection, nobodys(desk.people))
    assert [len(row.members) for row in rows] == [1] * 6
    assert crops_of_rows(desk.people, [rows[0].key]) == [rows[0].key]
    path, words, _ = desk.edit("split", "/people/nobody", rows=rows[0].key)
    assert path == "/people/nobody"
    assert words == f"1 crop is {desk.people.get(desk.people.person_of(rows[0].key)).title} now."
    assert rows[0].key not in nobodys(desk.people)


def test_rejected_crops_are_never_offered_again(desk):
    key = desk.people.get(1).keys[0]
    assert desk.edit("reject", "/people/1", people=1, crops=key)[1] == "1 crop marked as not person 1."
    assert desk.people.person_of(key) is None
    assert desk.people.state.rejected[key] == (1,)
    assert key in nobodys(desk.people)


def test_all_crops_are_confirmed_where_none_is_selected(desk):
    assert desk.edit("confirm", "/people/1", people=1)[1] == "5 crops confirmed."
    assert desk.people.get(1).confirmed == desk.people.get(1).size == 5
    assert "all confirmed" in desk.page("/people/1")


def test_two_different_people_are_not_offered_as_one(desk):
    like = desk.app.state.similar_people.like_person(1, 1)[0].person
    assert (
        desk.edit(f"different {like}", "/people/1", people=1)[1]
        == f"Person 1 and person {like} are different people."
    )
    assert "Somebody else, by your word." in desk.page("/people/1")
    assert desk.edit("different", people=[3, 4])[1] == "Person 3 and person 4 are different people."
    assert desk.edit("different", people=[3])[1:] == ("select two different people", True)
    assert desk.edit("different 3", people=[3])[2]
    assert desk.edit("different 99", people=[3])[2]


def test_several_edits_are_undone_at_once_and_redone_one_by_one(desk):
    before = {one.id: one.keys for one in desk.people.all()}
    for person in (1, 2, 3):
        desk.edit("name", people=person, to=f"name {person}x")
    path, words, _ = desk.edit("undo 1", "/people/changes")
    assert (path, words) == ("/people/changes", "Undone: 3 edits. Redo takes them back one by one.")
    assert {one.id: one.keys for one in desk.people.all()} == before
    assert not any(one.name for one in desk.people.all())
    assert desk.edit("undo 1", "/people/changes")[1:] == ("there is nothing to undo", True)
    desk.guest.post("/edits", data={"do": "redo", "version": desk.viewer.snapshot.version})
    assert desk.people.get(1).name == "name 1x"
    assert desk.edit("undo 0", "/people/1")[0] == "/people"  # nobody is left


def test_an_old_page_changes_nothing(desk):
    old = desk.viewer.snapshot.version
    desk.edit("name", people=1, to="Anna")
    lines = desk.people.journal.lines
    for do, fields in (
        ("name", {"to": "Ben"}),
        ("merge 2", {}),
        ("confirm", {}),
        ("update", {}),
        ("different 2", {}),
    ):
        path, words, bad = desk.edit(do, "/people/1", version=old, people=1, **fields)
        assert bad, (do, path)
        assert "changed meanwhile" in words
    assert desk.people.journal.lines == lines
    assert desk.edit("dance")[1:] == ("unknown edit 'dance'", True)


def test_questions_are_answered_skipped_and_run_out(desk):
    assert "6 questions" in desk.page("/people")
    question = desk.people.questions()[0]
    text = desk.page("/people/questions")
    assert all(f'name="crops" value="{key}"' in text for key in question.keys)
    desk.edit(f"move {question.candidates[0].person}", "/people/questions", crops=list(question.keys))
    assert {desk.people.person_of(key) for key in question.keys} == {question.candidates[0].person}
    assert len(desk.people.questions()) == 5
    assert "All 5 questions were skipped" in desk.page("/people/questions?skip=5")
    for one in desk.people.questions():
        desk.edit("split", "/people/questions", crops=list(one.keys))
    assert "There is no open question" in desk.page("/people/questions")
    assert len(desk.people) == 11


def test_changes_of_an_edit_are_shown_and_unknown_ones_are_not_there(desk):
    assert "Nothing would change" in desk.page("/people/changes?preview=true")
    assert "is new, with 5 crops" in desk.page("/people/changes")
    moved = desk.people.get(1).keys[:2]
    desk.edit("move", crops=list(moved), to="2")
    assert "2 crops moved from person 1 to person 2" in desk.page("/people/changes?edit=1")
    assert "Undo this and 1 later edit" in desk.page("/people/changes?edit=0")
    assert "no such edit" in desk.page("/people/changes?edit=7", 404)
    desk.edit("confirm", people=3)
    assert "nobody has other crops" in desk.page("/people/changes?edit=2")


def test_rows_are_ordered_by_fit_and_one_row_can_be_shown_alone(desk):
    stranger = desk.people.get(2).keys[0]
    desk.edit("move", crops=stranger, to="1")
    text = desk.page("/people/1?order=fit")
    rows = re.findall(r'id="row-([^"]+)"', text)
    assert rows[0] == stranger
    assert re.findall(r'id="row-([^"]+)"', desk.page(f"/people/1?row={rows[1]}")) == [rows[1]]
    assert "another one by now" in desk.page("/people/1?row=gone")
    for path in ("/people/0", "/people/x", f"/people/{'9' * 30}"):
        desk.page(path, 404)


def test_people_are_sorted_filtered_and_named_in_search_results(desk):
    desk.edit("name", people=5, to="Zoe")
    desk.edit("name", people=6, to="anna")

    def shown(query):
        return [
            int(found)
            for found in re.findall(r'class="open" href="/people/(\d+)"', desk.page(f"/people?{query}"))
        ]

    assert shown("sort=name")[:2] == [6, 5]
    assert shown("sort=last") == [6, 5, 4, 3, 2, 1]
    assert shown("sort=first") == shown("sort=id") == [1, 2, 3, 4, 5, 6]
    desk.edit("confirm", people=2)
    assert shown("sort=unconfirmed")[-1] == 2
    assert shown("named=ZO") == [5]
    assert shown("named=3") == [3]
    assert shown("camera=c99") == []
    key = desk.people.get(5).keys[0]
    assert '<a href="/people/5">Zoe</a>' in desk.page(f"/search?key={key}")


def test_a_tracklet_is_one_query(desk):
    member = desk.people.get(1).sightings[-1].members[0]
    crops = [one.key for one in desk.people.get(1).sightings[-1].members]
    facts = desk.program.get("/api/search", params={"key": member.key, "tracklet": "1", "top": 500}).json()
    found = [match["entry"]["key"] for match in facts["matches"]]
    assert len(found) == 48 - len(crops)
    assert not set(found) & set(crops)
    collection = desk.people.collection
    mean = collection.vectors[[collection.rows[key] for key in crops]].sum(axis=0)
    best = max(found, key=lambda key: float(collection.vectors[collection.rows[key]] @ mean))
    assert found[0] == best


def test_programs_list_and_edit_people(desk):
    listed = desk.program.get("/api/people", params={"start": 1, "most": 2}).json()
    assert [one["id"] for one in listed] == [2, 3]
    assert listed[0]["size"] == sum(listed[0]["cameras"].values()) == 5
    one = desk.program.get("/api/people/1").json()
    assert [member["key"] for member in one["members"]] == list(desk.people.get(1).keys)
    assert len(one["similar"]) == 5
    assert desk.program.get("/api/people/99").status_code == 404
    questions = desk.program.get("/api/people/questions").json()
    assert [len(question["crops"]) for question in questions] == [2] * 6
    result = desk.call(do="name", people=[1], to="Anna")
    assert result["person"] == 1
    assert [one["kind"] for one in result["differences"]] == ["named"]
    assert result["version"] == desk.viewer.snapshot.version
    answered = desk.call(do="move", crops=questions[0]["crops"], to="Anna")
    assert answered["person"] == 1
    assert answered["differences"][0]["crops"] == questions[0]["crops"]
    assert desk.call(do="merge", people=[1, 2])["person"] == 1
    assert desk.call(do="split", crops=list(desk.people.get(3).keys[:1]), to="Ben")["person"] == 7
    assert desk.call(do="reject", people=[3], crops=list(desk.people.get(3).keys[:1]))["person"] is None
    assert desk.call(do="confirm", crops=list(desk.people.get(4).keys))["differences"] == []
    assert desk.call(do="different", people=[4, 5])["person"] is None
    assert {one["kind"] for one in desk.call(do="update")["differences"]} == {
        "asked"
    }  # of people as they are now
    changes = desk.program.get("/api/people/changes", params={"edit": 0}).json()
    assert {one["kind"] for one in changes} == {"new", "asked"}
    assert desk.program.get("/api/people/changes", params={"edit": 99}).status_code == 404
    assert "person of one" not in desk.call(422, do="name", to="Anna")["error"]
    assert "two people" in desk.call(422, do="different", people=[4])["error"]
    late = {"do": "name", "people": [1], "to": "Eva", "version": 1}
    assert desk.program.post("/api/people", json=late).status_code == 409
    assert "/api/people" in desk.program.get("/api/openapi.json").json()["paths"]
    assert "PeopleEditRequest" in desk.page("/api")
