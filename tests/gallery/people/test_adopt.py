"""People that move to the gallery of a model that was trained anew."""

import pytest
from tests.gallery.people.conftest import Album, crops_of

from reseen.errors import GalleryError
from reseen.gallery.edits.pair_constraints import pair_constraints
from reseen.gallery.people.adopt import adopt_people


@pytest.fixture
def anew(tmp_path):
    """An empty gallery of another model."""
    return Album(tmp_path / "anew.jsonl")


def test_people_keep_number_name_and_who_decided(three, anew):
    old = three.people()
    old.rename(2, "Berta")
    old.confirm(old.get(2).keys[:3])
    old.reject(old.get(3).keys[:1], 3)
    for who in (2, 1, 0):
        anew.add(who, 8, cluster=9 - who)
    adopted = adopt_people(anew.people(), old)
    assert (adopted.people, adopted.crops, adopted.missing) == (3, 23, ())
    new = anew.people()
    assert (new.find("berta").id, new.find("berta").confirmed) == (2, 3)
    assert new.state.decisions == old.state.decisions
    assert new.state.rejected == old.state.rejected
    update = new.update()
    assert not [one for one in update.differences if one.kind in ("merged", "split", "moved")]
    assert new.split(new.get(1).keys[:1]).id == 4
    new.undo()
    new.undo()
    assert not len(anew.people())


def test_crops_whose_folder_moved_are_known_by_their_path(three, anew):
    anew.add(0, 8, source="/moved")
    adopted = adopt_people(anew.people(), three.people())
    assert (adopted.people, adopted.crops, adopted.missing) == (1, 8, (2, 3))
    assert anew.people().get(1).members[0].entry.source == "/moved"


def test_a_path_that_two_folders_have_decides_nothing(three, anew):
    anew.add(0, 8, source="/one")
    anew.add(0, 8, source="/two")
    with pytest.raises(GalleryError, match="no crop of the people of that gallery"):
        adopt_people(anew.people(), three.people())


def test_a_gallery_with_people_takes_over_nobody(three, anew):
    anew.add(0, 8, cluster=0)
    anew.people().update()
    with pytest.raises(GalleryError, match="has 1 people already"):
        adopt_people(anew.people(), three.people())
    assert {entry.key for entry in crops_of(0, 8).entries} == set(anew.people().get(1).keys)


def test_people_who_were_told_apart_stay_apart(three, anew):
    """What was said of pairs comes along: a cluster of both people merges them no more."""
    old = three.people()
    old.split(old.get(1).keys[:4])
    for who in range(3):
        anew.add(who, 8, cluster=who)
    adopt_people(anew.people(), old)
    new = anew.people()
    before = new.get(4).keys
    kept = pair_constraints(new.journal.history.done, new.collection.keys)
    said = pair_constraints(old.journal.history.done, old.collection.keys)
    assert set(kept.same) == set(said.same)
    assert set(kept.different) == set(said.different) != set()
    update = new.update()
    assert [one.kind for one in update.differences] == ["conflict"]
    assert new.get(4).keys == before


def test_numbers_of_people_who_are_gone_are_not_given_again(three, anew):
    old = three.people()
    old.merge(1, [3])
    old.split(old.get(2).keys[:2])
    old.undo()
    assert old.journal.free_person == 5
    for who in range(3):
        anew.add(who, 8, cluster=who)
    adopt_people(anew.people(), old)
    with pytest.raises(GalleryError, match="person 3 was merged into 1"):
        anew.people().get(3)
    assert anew.people().split(anew.people().get(2).keys[:1]).id == 5
