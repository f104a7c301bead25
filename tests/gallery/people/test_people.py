"""People looked up, named, merged, split, moved and rejected; edits can be undone, and invalid ones change nothing."""

import gc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gallery.people.conftest import Album, crops_of

from reseen.errors import GalleryError, SettingsError, StorageError
from reseen.gallery.edits.edit import Edit
from reseen.gallery.edits.journal import Journal
from reseen.gallery.edits.pair_constraints import pair_constraints
from reseen.gallery.people.open_people import open_people


def keys(who, count=8, start=0):
    return [entry.key for entry in crops_of(who, count, start).entries]


def snapshot(people):
    """Everything that an edit of people may change."""
    state = people.state
    return (
        dict(state.decisions),
        {person: state.name(person) for person in state.members},
        {key: who for key, who in state.rejected.items() if who},
        dict(state.questions),
    )


def test_a_person_is_its_crops_by_time(three):
    person = three.people().get(2)
    assert [member.entry.time for member in person.members] == list(range(8))
    assert [(one.camera, one.first, one.last) for one in person.sightings] == [("c1", 0, 3), ("c1", 4, 7)]
    assert person.cameras == {"c1": 8}
    assert (person.first, person.last, person.size, person.confirmed) == (0, 7, 8, 0)
    assert person.title == "person 2"


def test_names_are_found_whatever_their_case_and_numbers_are_ids(three):
    people = three.people()
    people.rename(2, "  Ánna ")
    assert people.find("áNNA").id == people.find("2").id == people.find(2).id == 2
    assert people.get(2).title == "Ánna"
    people.rename(2, "")
    with pytest.raises(GalleryError, match="nobody is named 'Ánna'"):
        people.find("Ánna")


def test_two_people_of_one_name_are_refused_and_nothing_is_lost(three):
    people = three.people()
    people.rename(1, "Anna")
    with pytest.raises(
        GalleryError, match="person 1 is already named Anna; merge the two, or choose another name"
    ):
        people.rename(2, "ANNA")
    with pytest.raises(GalleryError, match="already named"):
        people.split(keys(1)[:2], "anna")
    assert people.find("anna").id == 1
    assert people.get(2).size == 8
    assert people.rename(1, "Anna").name == "Anna"


def test_a_journal_with_two_people_of_one_name_is_read_and_the_number_asked_for(three):
    three.people().rename(1, "Anna")
    line = three.file.read_text().splitlines()[-1]
    with three.file.open("a") as file:
        file.write(line.replace('"1":"Anna"', '"2":"Anna"') + "\n")
    people = three.people()
    with pytest.raises(GalleryError, match="2 people are named Anna: 1, 2; give the number"):
        people.find("Anna")
    people.rename(2, "Berta")
    assert people.find("Anna").id == 1


@pytest.mark.parametrize("name", ["12", "x" * 201, "a\nb", "a\u202eb"])
def test_names_that_cannot_be(three, name):
    with pytest.raises(SettingsError, match="a number is an id"):
        three.people().rename(1, name)


def test_merging_keeps_number_and_name(three):
    people = three.people()
    people.rename(2, "Berta")
    merged = people.merge(1, [2])
    assert (merged.id, merged.name, merged.size) == (1, "Berta", 16)
    assert merged.confirmed == 10, "the five most central crops of each hold them together"
    people.undo()
    assert (people.get(1).name, people.get(2).name) == (None, "Berta")


def test_merging_two_named_people_keeps_the_name_of_the_first(three):
    people = three.people()
    people.rename(1, "Anna")
    people.rename(2, "Berta")
    assert people.merge(2, [1, 3]).name == "Berta"
    with pytest.raises(GalleryError, match=r"person 1 was merged into 2 \(Berta\); give 2"):
        people.get(1)


def test_split_move_confirm_and_reject(three):
    people = three.people()
    new = people.split(keys(0)[:2], "Clara")
    assert (new.id, new.name, new.size, new.confirmed) == (4, "Clara", 2, 2)
    assert people.move(keys(0)[2:3], 4).size == 3
    people.confirm(keys(1)[:3])
    assert people.get(2).confirmed == 3
    people.reject(keys(2)[:1], 3)
    assert people.get(3).size == 7
    assert people.person_of(keys(2)[0]) is None
    people.move(keys(2)[:1], 3)
    assert people.person_of(keys(2)[0]) == 3, "a person may change their mind"
    assert not people.state.rejected[keys(2)[0]]


def test_the_last_crop_of_a_person_takes_the_name_along(three):
    people = three.people()
    people.rename(3, "Clara")
    people.move(keys(2), 2)
    assert len(people) == 2
    assert people.get(2).name == "Clara"
    with pytest.raises(GalleryError, match="person 3 was merged into 2"):
        people.get(3)


def test_what_a_person_says_are_constraints_for_training(three):
    people = three.people()
    people.merge(1, [2])
    people.split(keys(2)[:2])
    done = pair_constraints(people.journal.history.done, people.collection.keys)
    assert len(done.same) == 2
    assert all(
        {one, other} & set(keys(2)[:2]) and {one, other} & set(keys(2)[2:]) for one, other in done.different
    )


def test_people_of_another_tool_are_assigned_in_one_edit(three):
    people = three.people()
    people.assign({keys(0)[0]: "Anna", keys(1)[0]: "Anna", keys(1)[1]: 3, keys(2)[0]: "Berta"})
    assert set(people.find("Anna").keys) == {keys(0)[0], keys(1)[0]}
    assert people.person_of(keys(1)[1]) == 3
    people.undo()
    assert {one.size for one in people.all()} == {8}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (lambda p: p.get(9), "there is no person 9"),
        (lambda p: p.find("Nobody"), "nobody is named"),
        (lambda p: p.merge(1, [1]), "two people"),
        (lambda p: p.merge(1, [9]), "no person 9"),
        (lambda p: p.split([]), "at least one crop"),
        (lambda p: p.split(["nothing"]), "1 of 1 crops are not in this gallery"),
        (lambda p: p.split(keys(0)), "all crops of person 1"),
        (lambda p: p.move(keys(0), 9), "no person 9"),
        (lambda p: p.reject(keys(0), 9), "no person 9"),
        (lambda p: p.assign({keys(0)[0]: 9}), "no person 9"),
        (lambda p: p.redo(), "no edit to redo"),
        (lambda p: p.select(), "--image"),
        (lambda p: p.select(["nothing.jpg"]), "no crop in this gallery has the image nothing.jpg"),
        (lambda p: p.select(clusters=[0], within=2), "no crop of person 2 in this gallery has the cluster 0"),
        (lambda p: p.differences(Edit("same", "", "")), "no such edit"),
    ],
)
def test_what_cannot_be_done_changes_nothing(three, what, words):
    people = three.people()
    before, text = snapshot(people), three.file.read_text()
    with pytest.raises(GalleryError, match=words):
        what(people)
    assert snapshot(people) == before
    assert three.file.read_text() == text


def test_crops_are_selected_by_path_tracklet_and_cluster(three):
    people = three.people()
    assert people.select(["0/0003.jpg"]) == people.select(["/crops/0/0003.jpg"]) == keys(0)[3:4]
    assert set(people.select(tracklets=[1001])) == set(keys(1)[4:])
    assert set(people.select(clusters=[2])) == set(keys(2))
    three.add(1, 4, source="/elsewhere")
    people.reload()
    with pytest.raises(GalleryError, match="/crops and /elsewhere both have such a tracklet"):
        people.select(tracklets=[1000])


def test_a_full_disk_changes_nothing(three, monkeypatch):
    people = three.people()
    before = snapshot(people)

    def full(plain):
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(people.journal, "_append", full)
        with pytest.raises(StorageError):
            people.rename(1, "Anna")
    assert snapshot(people) == before


def test_another_process_sees_what_was_done_and_goes_on_from_there(three):
    one, other = three.people(), three.people()
    one.rename(1, "Anna")
    assert other.split(keys(1)[:2]).id == 4
    assert one.split(keys(2)[:2]).id == 5, "the number of the other's person is not given again"
    assert other.undo().words == "made 2 crops person 5"
    assert snapshot(three.people())[1] == {1: "Anna", 2: None, 3: None, 4: None}


def test_an_edit_of_clusters_is_undone_in_the_store_too(three):
    journal = Journal(three.file)
    edit = Edit("move", "", "moved", dict.fromkeys(keys(0)[:1], 0), dict.fromkeys(keys(0)[:1], 1))
    journal.do(edit)
    three.recluster(edit.after)
    people = three.people()
    assert people.undo().words == "moved"
    assert people.collection.cluster_by_key[keys(0)[0]] == 0
    assert three.people().redo().words == "moved"
    assert three.people().collection.cluster_by_key[keys(0)[0]] == 1
    three.recluster(dict.fromkeys(keys(0), 77))
    with pytest.raises(GalleryError, match="no edit that the present clusters allow"):
        three.people().undo()


def test_what_an_edit_changed_is_told(three):
    people = three.people()
    people.rename(1, "Anna")
    assert [one.text for one in people.differences()] == ["person 1 is named Anna"]
    first = people.journal.history.done[0]
    assert [one.kind for one in people.differences(first)] == ["new"] * 3
    people.reject(keys(0)[:2], 1)
    assert [one.text for one in people.differences()] == ["2 crops of Anna left"]


def test_people_of_a_gallery_in_memory_are_its_own(three):
    one, other = open_people(three.store, "memory:"), open_people(three.store, "memory:")
    one.update()
    assert (len(one), len(other)) == (3, 0)
    folder = one.journal.file.parent
    del one
    gc.collect()
    assert not folder.exists()


actions = st.tuples(
    st.sampled_from(["rename", "merge", "split", "move", "reject", "confirm", "undo", "redo"]),
    st.integers(1, 5),
    st.integers(0, 2),
    st.integers(1, 7),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(actions, max_size=12))
def test_a_journal_read_again_gives_the_same_people_and_undo_goes_back(tmp_path_factory, plan):
    album = Album(tmp_path_factory.mktemp("album") / "mends.jsonl")
    for who in range(3):
        album.add(who, 8, cluster=who)
    people = album.people()
    people.update()
    states = [snapshot(people)]
    undone = []
    for action, person, who, count in plan:
        some = keys(who)[:count]
        try:
            match action:
                case "rename":
                    people.rename(person, f"name {count}")
                case "merge":
                    people.merge(person, [who + 1])
                case "split":
                    people.split(some)
                case "move":
                    people.move(some, person)
                case "reject":
                    people.reject(some, person)
                case "confirm":
                    people.confirm(some)
                case "undo":
                    people.undo()
                case _:
                    people.redo()
        except GalleryError:
            assert snapshot(people) == states[-1]
            continue
        if action == "undo":
            undone.append(states.pop())
            if not states:
                states = [snapshot(people)]
                break
        elif action == "redo":
            states.append(undone.pop())
        else:
            undone.clear()
            states.append(snapshot(people))
        assert snapshot(people) == states[-1]
        assert snapshot(album.people()) == states[-1], "read again"
        members = [key for one in people.all() for key in one.keys]
        assert sorted(members) == sorted(people.state.decisions), "nobody's twice"
        assert all(one.size for one in people.all())
