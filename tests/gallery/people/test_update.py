"""People after their crops were clustered anew, and after more crops came: members first, vectors second."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gallery.people.conftest import Album, crops_of
from tests.gallery.people.test_assign import TRUSTED

from reseen.errors import GalleryError
from reseen.gallery.people.assign import Thresholds
from reseen.gallery.people.camera_graph import CameraGraph

SURE = Thresholds(0.7, 0.4, "given")


def keys(who, count=8, start=0):
    return [entry.key for entry in crops_of(who, count, start).entries]


def kinds(update):
    return [one.kind for one in update.differences]


def test_clusters_become_people(three):
    people = three.people().all()
    assert [one.id for one in people] == [1, 2, 3]
    assert [set(one.keys) for one in people] == [set(keys(who)) for who in range(3)]
    assert all(member.by == "cluster" and member.score > 0.7 for one in people for member in one.members)


def test_an_update_without_news_changes_nothing(three):
    lines = three.file.read_text()
    again = three.people().update()
    assert not again.changed
    assert not again.differences
    assert three.file.read_text() == lines


def test_other_numbers_of_clusters_change_nobody(three):
    three.people().rename(1, "Anna")
    three.recluster({key: 7 - who for who in range(3) for key in keys(who)})
    update = three.people().update()
    assert not update.differences
    assert three.people().find("Anna").size == 8


def test_new_crops_of_a_cluster_join_its_person(three):
    new = three.add(0, 4, start=100, cluster=0)
    update = three.people().update()
    assert kinds(update) == ["joined"]
    assert set(update.differences[0].keys) == set(new)
    assert three.people().get(1).size == 12


def test_a_cluster_that_falls_apart_keeps_the_person_of_the_larger_part(three):
    three.recluster(dict.fromkeys(keys(0)[:3], 50))
    update = three.people().update()
    assert kinds(update) == ["split"]
    assert update.differences[0].other == 1
    assert three.people().get(1).size == 5
    assert set(three.people().get(update.differences[0].person).keys) == set(keys(0)[:3])


def test_what_a_person_decided_keeps_a_person_together(three):
    people = three.people()
    people.confirm(keys(0)[:1])
    three.recluster(dict.fromkeys(keys(0)[:3], 50))
    assert not three.people().update().differences
    assert three.people().get(1).size == 8


def test_people_of_one_cluster_are_merged_and_the_old_number_tells(three):
    three.recluster(dict.fromkeys(keys(1), 0))
    three.add(0, 4, start=100, cluster=0)
    update = three.people().update()
    assert kinds(update) == ["merged", "joined"]
    assert "person 2 was merged into person 1: 8 crops" in update.differences[0].text
    with pytest.raises(GalleryError, match="person 2 was merged into 1; give 1"):
        three.people().get(2)


def test_two_named_people_are_never_merged_silently(three):
    people = three.people()
    people.rename(1, "Anna")
    people.rename(2, "Berta")
    three.recluster(dict.fromkeys([*keys(0), *keys(1)], 9))
    update = three.people().update()
    assert kinds(update) == ["conflict"]
    assert "8 crops of Berta in the cluster of Anna stay with Berta" in update.differences[0].text
    assert three.people().find("berta").size == 8


def test_people_whom_a_person_told_apart_are_not_merged(three):
    people = three.people()
    people.reject(keys(1)[:1], 1)
    three.recluster(dict.fromkeys([*keys(0), *keys(1)], 9))
    update = three.people().update()
    assert kinds(update) == ["conflict"]
    assert three.people().person_of(keys(1)[0]) == 2


def test_crops_follow_their_cluster_unless_a_person_decided(three):
    people = three.people()
    people.confirm(keys(1)[:1])
    three.recluster(dict.fromkeys(keys(1)[:2], 0))
    three.people().update()
    people = three.people()
    assert people.person_of(keys(1)[0]) == 2
    assert people.person_of(keys(1)[1]) == 1


def test_outliers_stay_with_their_person_and_go_along_when_all_others_go(three):
    three.recluster(dict.fromkeys(keys(1)[:6], 0) | dict.fromkeys(keys(1)[6:], -1))
    three.people().update()
    assert {three.people().person_of(key) for key in keys(1)} == {1}
    three.recluster(dict.fromkeys(keys(2)[:4], -1))
    assert not three.people().update().differences
    assert three.people().get(3).size == 8


def test_merged_by_hand_stay_together_when_clusters_say_otherwise(three):
    three.people().merge(1, [2])
    assert not three.people().update().differences
    assert three.people().get(1).size == 16


def test_an_update_is_undone_as_a_whole(three):
    before = {one.id: one.keys for one in three.people().all()}
    three.recluster(dict.fromkeys([*keys(0)[:3], *keys(1)], 9))
    people = three.people()
    assert people.update().changed
    assert {one.id: one.keys for one in people.all()} != before
    people.undo()
    assert {one.id: one.keys for one in three.people().all()} == before


def test_a_dry_run_says_the_same_and_writes_nothing(three):
    three.recluster(dict.fromkeys(keys(1), 0))
    lines = three.file.read_text()
    planned = three.people().update(dry_run=True)
    assert three.file.read_text() == lines
    assert planned.differences == three.people().update().differences


def test_numbers_are_never_given_twice(three):
    people = three.people()
    fourth = people.split(keys(0)[:2])
    people.undo()
    assert people.split(keys(1)[:2]).id == fourth.id + 1


def test_loose_crops_of_a_known_tracklet_need_no_threshold(album):
    album.add(0, 6, cluster=0)
    late = album.add(0, 2, start=6)  # the rest of the second tracklet
    album.people().update()
    members = {member.key: member.by for member in album.people().get(1).members}
    assert [members[key] for key in late] == ["tracklet", "tracklet"]


def test_new_tracklets_are_known_or_new_or_asked_about(three):
    known, new = three.add(0, 4, start=100), three.add(5, 4, start=200)
    between = np.array([0.55, *[0.0] * 5, np.sqrt(1 - 0.55**2), *[0.0] * 9])[None]
    odd = crops_of(7, 1, start=300)
    three.store.add(type(odd)(odd.entries, between.astype(np.float32)))
    update = three.people().update(SURE)
    people = three.people()
    assert kinds(update) == ["joined", "new", "asked"]
    assert {people.person_of(key) for key in known} == {1}
    assert {people.person_of(key) for key in new} == {4}
    (question,) = people.questions()
    assert question.keys == (odd.entries[0].key,)
    assert question.candidates[0].person == 1
    assert people.person_of(odd.entries[0].key) is None


def test_two_tracklets_of_somebody_new_are_one_person(three):
    first, second = three.add(5, 4, start=100), three.add(5, 4, start=200)
    three.people().update(SURE)
    people = three.people()
    assert {people.person_of(key) for key in (*first, *second)} == {4}


def test_without_thresholds_nothing_is_assigned_and_one_line_says_so(three):
    new = three.add(0, 4, start=100)
    update = three.people().update()
    assert kinds(update) == ["asked"]
    assert "nothing is assigned by similarity" in update.thresholds
    assert "\n" not in update.thresholds
    people = three.people()
    assert all(people.person_of(key) is None for key in new)
    people.move(people.questions()[0].keys, 1)
    assert not three.people().questions()
    assert not three.people().update().differences


def test_who_was_rejected_is_no_candidate_again(three):
    new = three.add(0, 4, start=100)
    people = three.people()
    people.update(SURE)
    people.reject(new, 1)
    update = people.update(SURE)
    assert kinds(update) == ["new"]
    assert people.person_of(new[0]) == 4


def test_a_cluster_without_members_goes_to_similar_people_or_is_new(three):
    same, other = three.add(0, 4, start=100, cluster=70), three.add(5, 4, start=100, cluster=71)
    update = three.people().update(SURE)
    people = three.people()
    assert kinds(update) == ["joined", "new"]
    assert people.person_of(same[0]) == 1
    assert people.person_of(other[0]) == 4


def test_outliers_are_never_new_people(three):
    far, near = three.add(5, 4, start=100, cluster=-1), three.add(0, 4, start=100, cluster=-1)
    three.people().update(SURE)
    people = three.people()
    assert all(people.person_of(key) is None for key in far)
    assert {people.person_of(key) for key in near} == {1}
    assert not people.questions()


def test_who_cannot_have_come_is_no_candidate(album):
    album.add(0, 4, cluster=0)  # c0, seconds 0 to 3
    album.people().update()
    soon = crops_of(1, 4, start=10)  # c1
    near = crops_of(0, 4, start=10)
    album.store.add(type(soon)(soon.entries, near.vectors))
    graph = CameraGraph({frozenset({"c0", "c1"}): (20.0, 60.0)})
    assert kinds(album.people().update(SURE, graph, dry_run=True)) == ["new"]
    assert kinds(album.people().update(SURE, CameraGraph({frozenset({"c0", "c1"}): (5.0, 60.0)}))) == [
        "joined"
    ]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(-1, 4), min_size=12, max_size=12), min_size=1, max_size=4))
def test_every_crop_of_a_cluster_is_somebodys_and_undo_goes_back(tmp_path_factory, clusterings):
    album = Album(tmp_path_factory.mktemp("album") / "mends.jsonl")
    found = [key for who in range(3) for key in album.add(who, 4, cluster=who)]
    people, states = album.people(), []
    for clusters in clusterings:
        album.recluster(dict(zip(found, clusters, strict=True)))
        people.reload()
        changed = people.update().changed
        if changed:
            states.append(dict(people.state.decisions))
        assert all(people.person_of(key) for key, number in zip(found, clusters, strict=True) if number >= 0)
        assert sorted(key for one in people.all() for key in one.keys) == sorted(people.state.decisions)
        assert not people.update().changed, "a second update finds nothing to do"
    for state in reversed(states):
        assert people.state.decisions == state
        people.undo()
    assert not people.state.decisions


def test_calibrated_thresholds_are_measured_on_the_people(three):
    known, new = three.add(0, 4, start=100), three.add(9, 4, start=200)
    few = three.people().update(Thresholds.choose(TRUSTED), dry_run=True)
    assert "20 are needed" in few.thresholds
    for who in range(3, 8):
        three.add(who, 16, cluster=who)
    people = three.people()
    people.update()
    assert len(people.questions()) == 2
    update = people.update(Thresholds.choose(TRUSTED))
    assert "26 sightings of people whom nobody confirmed, so errors may be larger" in update.thresholds
    assert {people.person_of(key) for key in known} == {1}
    assert {people.person_of(key) for key in new} == {9}
    assert not people.questions()
