"""The journal after a crash, under two writers, and after forgetting."""

import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.errors import GalleryError
from reseen.gallery.edits.edit import Edit
from reseen.gallery.edits.journal import Journal
from reseen.gallery.edits.people_change import Candidate, Decision, PeopleChange, PeopleState


def named(person, name, *keys):
    """An edit that gives crops to a person and names the person."""
    members = {key: Decision(person, "person") for key in keys}
    return Edit("person-split", "t", f"made person {person}", people=PeopleChange(members, {person: name}))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mends.jsonl"


def test_a_line_that_was_cut_off_is_reported_and_nothing_else_is_lost(file):
    journal = Journal(file)
    journal.do(named(1, "Anna", "a"))
    journal.do(named(2, "Berta", "b"))
    whole = file.read_bytes()
    for cut in range(1, len(whole.splitlines()[-1])):
        file.write_bytes(whole[:-cut])
        again = Journal(file)
        assert [edit.words for edit in again.history.done] == ["made person 1"]
        assert "the last line was cut off" in again.notes[0]
        again.do(named(2, "Berta", "b"))
        assert file.read_bytes() == whole
    assert not Journal(file).notes


def test_a_cut_off_journal_that_cannot_be_written_is_read(file):
    Journal(file).do(named(1, "Anna", "a"))
    with file.open("ab") as lines:
        lines.write(b'{"edit":')
    before = file.read_bytes()
    file.parent.chmod(0o500)
    file.chmod(0o400)
    try:
        assert Journal(file).people.name(1) == "Anna"
    finally:
        file.parent.chmod(0o700)
        file.chmod(0o600)
    assert file.read_bytes().startswith(before[: before.rfind(b"\n") + 1])


@pytest.mark.parametrize(
    "people",
    [
        {"members": [[1, None, {"a": None}]]}, {"members": [[0, "person", {"a": None}]]}, {"names": {"x": "Anna"}},
        {"names": {"1": 2}}, {"merged": {"1": "2"}}, {"members": [[1, "nobody", {"a": None}]]}, {"other": {}}, [],
        {"questions": {"a": [[1]]}}, "names", {"names": {str(2**63): "Anna"}},
    ],
)  # fmt: skip
def test_people_that_are_damaged_name_the_line(file, people):
    plain = named(1, "Anna", "a").to_plain() | {"people": people}
    file.write_text(json.dumps({"edit": plain}) + "\n")
    with pytest.raises(GalleryError, match="line 1: damaged"):
        Journal(file)


@pytest.mark.parametrize(
    "line", ['{"edit": "people"}', '{"edit": 3}', '{"people": Infinity}', '{"people": "3"}', "{}", "[]"]
)
def test_other_damage_names_the_line(file, line):
    file.write_text(line + "\n")
    with pytest.raises(GalleryError, match="line 1: damaged"):
        Journal(file)


def test_a_change_survives_its_journal(file):
    change = PeopleChange(
        {"a": Decision(1, "cluster", 0.75), "b": Decision(2, "person"), "c": None},
        {1: "Änna", 2: None},
        {3: 1},
        {"a": (2, 4)},
        {"d": (Candidate(1, 0.5), Candidate(2, 0.25)), "e": ()},
    )
    Journal(file).do(Edit("people-update", "t", "w", people=change))
    assert Journal(file).history.done[0].people == change


def test_two_writers_lose_and_double_nothing(file):
    def write(first):
        journal = Journal(file)
        for number in range(20):
            with journal.writing():
                journal.do(named(journal.free_person, None, f"{first}-{number}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    people = Journal(file).people
    assert sorted(people.members) == list(range(1, 61))
    assert len(people.decisions) == 60


def test_forgotten_crops_and_names_are_gone_and_numbers_are_not_given_again(file):
    journal = Journal(file)
    journal.do(named(1, "Anna", "a", "b"))
    journal.do(named(2, "Berta", "c"))
    journal.do(Edit("same", "t", "same", same=(("a", "c", "d"),), different=(("a", "e"), ("d", "e"))))
    journal.do(Edit("move", "t", "moved", {"a": 1}, {"a": 2}))
    journal.do(named(3, "Clara", "a"))
    journal.undo()
    journal.forget(["a", "b"])
    text = file.read_text()
    assert not any(word in text for word in ("Anna", "Clara", '"a"', '"b"', '"a",'))
    assert "Berta" in text
    again = Journal(file)
    assert [edit.kind for edit in again.history.done] == ["person-split", "same"]
    assert again.history.done[-1].same == (("c", "d"),)
    assert again.history.done[-1].different == (("d", "e"),)
    assert not again.history.undone
    assert again.free_person == journal.free_person == 4
    assert list(again.people.members) == [2]


def test_a_person_of_whom_a_crop_is_left_keeps_the_name(file):
    journal = Journal(file)
    journal.do(named(1, "Anna", "a", "b"))
    journal.forget(["a"])
    assert Journal(file).people.name(1) == "Anna"
    assert list(Journal(file).people.decisions) == ["b"]


def test_a_name_that_was_merged_away_is_forgotten_with_the_last_crop(file):
    """Anna was merged into person 2, then the crops of both are forgotten, while one that was Anna's is Berta's."""
    journal = Journal(file)
    journal.do(named(1, "Anna", "a", "x"))
    journal.do(named(2, "Berta", "b"))
    journal.do(Edit("person-move", "t", "w", people=PeopleChange({"x": Decision(2, "person")})))
    journal.forget(["a"])
    assert "Anna" not in file.read_text()
    assert Journal(file).people.name(2) == "Berta"
    assert set(Journal(file).people.decisions) == {"b", "x"}


edits = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True),
        st.booleans(),
    ),
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(edits, st.integers(0, 3), st.sets(st.sampled_from("abcdef"), max_size=4))
def test_forgetting_leaves_no_trace_and_all_else_as_it_was(tmp_path_factory, plan, undone, gone):
    file = tmp_path_factory.mktemp("journal") / "mends.jsonl"
    journal = Journal(file)
    for person, crops, with_name in plan:
        journal.do(named(person, f"N{person}N" if with_name else None, *crops))
    for _ in range(min(undone, len(plan))):
        journal.undo()
    kept = {key: one for key, one in journal.people.decisions.items() if key not in gone}
    alive = {one.person for one in kept.values()}
    before = set(journal.people.members)
    journal.forget(gone)
    again = Journal(file)
    text = file.read_text() if file.exists() else ""
    assert again.people.decisions == kept == journal.people.decisions
    assert not any(f'"{key}"' in text for key in gone)
    assert not again.holds(gone)
    for person in before - alive:
        assert f"N{person}N" not in text
    while again.history.can_undo:
        again.undo()
    assert not again.people.decisions


def test_undone_edits_can_still_be_redone_after_forgetting(file):
    journal = Journal(file)
    for number, key in enumerate("abcd", start=1):
        journal.do(named(number, f"N{number}", key))
    journal.undo()
    journal.undo()
    journal.forget(["a"])
    again = Journal(file)
    again.redo()
    assert set(again.people.decisions) == {"b", "c"}
    again.redo()
    assert set(again.people.decisions) == {"b", "c", "d"}
    assert again.people.name(4) == "N4"


def test_the_people_before_an_edit(file):
    journal = Journal(file)
    journal.do(named(1, "Anna", "a"))
    journal.do(named(1, "Berta", "b"))
    before = journal.people_before(journal.history.done[1])
    assert (before.name(1), list(before.decisions)) == ("Anna", ["a"])
    with pytest.raises(ValueError):
        journal.people_before(named(9, None, "z"))


def test_a_person_without_crops_is_gone_and_leads_to_the_survivor():
    state = PeopleState(
        [named(1, "Anna", "a").people, named(2, None, "b").people, named(3, None, "c").people]
    )
    state.apply(PeopleChange({"a": Decision(2, "person")}, merged={1: 2}))
    state.apply(PeopleChange({"a": Decision(3, "person"), "b": Decision(3, "person")}, merged={2: 3}))
    assert state.survivor(1) == 3
    assert state.survivor(9) is None
    state.apply(PeopleChange({"a": Decision(1, "person")}))
    assert state.survivor(1) == 1
    assert state.title(1) == "Anna"
