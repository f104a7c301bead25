"""Cluster edits: their effect, the constraints that follow, and recovery from the journal."""

import json

import numpy as np
import pytest

from reseen.audit.answers import pair_constraints as answered_pairs
from reseen.audit.answers import read_answers
from reseen.datasets import read_training
from reseen.errors import GalleryError, StorageError
from reseen.gallery.collection import NOISE, read_collection
from reseen.gallery.edits.edit import Edit
from reseen.gallery.edits.journal import Journal, edits_file
from reseen.gallery.edits.pair_constraints import pair_constraints
from reseen.gallery.filter import Filter
from reseen.training.setup import read_constraints
from reseen.viewer.clusters import Clusters
from reseen.viewer.edits.editor import EditError, Editor, StaleError
from reseen.viewer.viewer import Viewer


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mends.jsonl"


@pytest.fixture
def editor(gallery, file):
    return Editor(Viewer(gallery), Journal(file))


def labels(gallery):
    """Cluster by image, as the store has it."""
    return {entry.image: entry.cluster for part in gallery.store.scan() for entry in part.entries}


def keys_of(editor, number):
    snapshot = editor.viewer.snapshot
    return [snapshot.collection.keys[row] for row in snapshot.clusters[number].rows]


def version(editor):
    return editor.viewer.snapshot.version


def same_state(editor):
    """Snapshot and store say the same, and clusters are what they would be if computed anew."""
    snapshot, fresh = editor.viewer.snapshot, read_collection(editor.viewer.gallery.store)
    np.testing.assert_array_equal(snapshot.collection.clusters, fresh.clusters)
    anew = Clusters(fresh)
    assert [one.number for one in snapshot.clusters.all()] == [one.number for one in anew.all()]
    for one, other in zip(snapshot.clusters.all(), anew.all(), strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)
        assert one.squared_error == pytest.approx(other.squared_error)
        assert one.cameras == other.cameras


def test_spread_is_the_sum_of_squared_distances_from_the_mean(gallery):
    collection = read_collection(gallery.store)
    for cluster in Clusters(collection).all():
        rows = collection.vectors[cluster.rows].astype(np.float64)
        slow = sum(((row - rows.mean(0)) ** 2).sum() for row in rows)
        assert cluster.squared_error == pytest.approx(slow, abs=1e-5)
        assert cluster.size == sum(count for _, count in cluster.cameras)


def test_merging_moves_all_crops_into_the_largest(editor, gallery):
    members = set(keys_of(editor, 1)) | set(keys_of(editor, 2))
    into = editor.merge(version(editor), [1, 2])
    assert set(keys_of(editor, into)) == members
    assert 3 - into not in editor.viewer.snapshot.clusters
    same_state(editor)
    must, cannot = answered_pairs(read_answers(editor.files))
    assert (len(must), len(cannot)) == (1, 0)


def test_splitting_makes_a_cluster_with_cannot_links_to_the_rest(editor):
    members = keys_of(editor, 0)
    number = editor.split(version(editor), members[:3])
    assert set(keys_of(editor, number)) == set(members[:3])
    assert set(keys_of(editor, 0)) == set(members[3:])
    same_state(editor)
    must, cannot = answered_pairs(read_answers(editor.files))
    assert len(must) == 2
    images = {entry.image: entry.key for entry in editor.viewer.snapshot.collection.entries}
    assert {images[first] for first, _ in cannot} == {members[0]}
    assert {images[second] for _, second in cannot} <= set(members[3:])


def test_moving_implies_must_links_and_cannot_links(editor):
    moved, rest, target = keys_of(editor, 0)[:2], keys_of(editor, 0)[2:], keys_of(editor, 3)
    editor.move(version(editor), moved, 3)
    assert set(keys_of(editor, 3)) == {*moved, *target}
    edit = editor.done[-1]
    assert edit.same == ((target[0], *moved),)
    assert edit.different == tuple((key, rest[0]) for key in moved)
    same_state(editor)


def test_removing_implies_cannot_links_only(editor, gallery):
    key = keys_of(editor, 0)[-1]
    editor.move(version(editor), [key], NOISE)
    assert next(iter(gallery.store.scan(Filter(keys=(key,))))).entries[0].cluster == -1
    assert not editor.done[-1].same


def test_marks_change_no_cluster(editor, gallery):
    before, keys = labels(gallery), keys_of(editor, 0)[:3]
    editor.mark_same(version(editor), keys[:2])
    editor.mark_different(version(editor), [keys[0], keys[2]])
    assert labels(gallery) == before
    must, cannot = answered_pairs(read_answers(editor.files))
    assert (len(must), len(cannot)) == (1, 1)


def test_training_reads_the_constraints(editor, filled):
    """Overlapping edits of a cluster become constraints on the rows of the training table."""
    table = read_training(filled.crowd)
    editor.merge(version(editor), [1, 2])
    editor.split(version(editor), keys_of(editor, 0)[:3])
    editor.move(version(editor), keys_of(editor, 0)[:1], 3)
    constraints, sentence = read_constraints(editor.files[0], table)
    said = pair_constraints(editor.done, editor.viewer.snapshot.collection.keys)
    assert (len(constraints.must), len(constraints.cannot)) == (len(said.same), len(said.different))
    assert "left out" not in sentence


def test_everything_can_be_undone_and_done_again(editor, gallery):
    states = [labels(gallery)]
    editor.merge(version(editor), [1, 2])
    states.append(labels(gallery))
    editor.split(version(editor), keys_of(editor, 0)[:2])
    states.append(labels(gallery))
    editor.move(version(editor), keys_of(editor, 3)[:1], 4)
    states.append(labels(gallery))
    for wanted in states[-2::-1]:
        editor.undo(version(editor))
        assert labels(gallery) == wanted
        same_state(editor)
    with pytest.raises(EditError, match="nothing to undo"):
        editor.undo(version(editor))
    assert not editor.files
    for wanted in states[1:]:
        editor.redo(version(editor))
        assert labels(gallery) == wanted
    with pytest.raises(EditError, match="nothing to redo"):
        editor.redo(version(editor))
    editor.undo(version(editor))
    editor.mark_same(version(editor), keys_of(editor, 0)[:2])
    with pytest.raises(EditError, match="nothing to redo"):
        editor.redo(version(editor))


def test_an_edit_of_an_old_version_is_rejected_and_loses_nothing(editor, gallery):
    seen = version(editor)
    editor.merge(seen, [1, 2])
    after = labels(gallery)
    with pytest.raises(StaleError, match="nothing was done"):
        editor.split(seen, keys_of(editor, 0)[:1])
    with pytest.raises(StaleError):
        editor.undo(seen)
    assert labels(gallery) == after
    assert len(editor.done) == 1


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (lambda m: m.merge(version(m), [1]), "two clusters"),
        (lambda m: m.merge(version(m), [1, 1]), "two clusters"),
        (lambda m: m.merge(version(m), [1, 999]), "no cluster 999"),
        (lambda m: m.split(version(m), []), "select some crops"),
        (lambda m: m.split(version(m), keys_of(m, 0)), "all crops of a cluster"),
        (lambda m: m.split(version(m), [keys_of(m, 0)[0], keys_of(m, 3)[0]]), "several clusters"),
        (lambda m: m.split(version(m), ["nobody"]), "not in the gallery"),
        (lambda m: m.split(version(m), keys_of(m, 0)[:1] * 2), "listed twice"),
        (lambda m: m.move(version(m), keys_of(m, 0)[:1], 0), "already there"),
        (lambda m: m.move(version(m), keys_of(m, 0)[:1], 999), "no cluster 999"),
        (lambda m: m.mark_same(version(m), keys_of(m, 0)[:1]), "two crops"),
        (lambda m: m.mark_different(version(m), keys_of(m, 0)[:1]), "2 to 12"),
        (lambda m: m.mark_clusters_different(version(m), [1]), "two clusters"),
    ],
)
def test_invalid_edits_are_rejected(editor, gallery, what, words):
    before = labels(gallery)
    with pytest.raises(EditError, match=words):
        what(editor)
    assert labels(gallery) == before
    assert not editor.done


def test_a_restart_goes_on_where_it_stopped(editor, gallery, file):
    editor.merge(version(editor), [1, 2])
    editor.split(version(editor), keys_of(editor, 0)[:2])
    editor.undo(version(editor))
    after = labels(gallery)
    again = Editor(Viewer(gallery), Journal(file))
    assert labels(gallery) == after
    assert [edit.kind for edit in again.done] == ["merge"]
    again.redo(version(again))
    again.undo(version(again))
    again.undo(version(again))
    assert not again.done


def test_killed_between_journal_and_store(editor, gallery, file, monkeypatch):
    before = labels(gallery)

    def die(entries):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gallery.store, "add", die)
        with pytest.raises(KeyboardInterrupt):
            editor.merge(version(editor), [1, 2])
    assert labels(gallery) == before
    again = Editor(Viewer(gallery), Journal(file))
    assert [edit.kind for edit in again.done] == ["merge"]
    assert sorted(labels(gallery).values()) != sorted(before.values())
    same_state(again)


def test_killed_within_a_line(editor, gallery, file):
    editor.merge(version(editor), [1, 2])
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])
    again = Editor(Viewer(gallery), Journal(file))
    assert len(again.done) == 1
    assert file.read_bytes() == whole
    again.undo(version(again))
    assert not Journal(file).history.done


def test_a_store_that_cannot_be_written_changes_nothing(editor, gallery, file, monkeypatch):
    before = labels(gallery)
    editor.mark_same(version(editor), keys_of(editor, 0)[:2])
    editor.undo(version(editor))

    def full(entries):
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(gallery.store, "add", full)
        with pytest.raises(StorageError):
            editor.merge(version(editor), [1, 2])
    assert labels(gallery) == before
    assert not editor.done
    assert len(editor.undone) == 1
    assert not Journal(file).history.done
    editor.redo(version(editor))


def test_indexing_the_same_run_again_keeps_the_edits(editor, gallery, filled, file):
    editor.merge(version(editor), [1, 2])
    editor.split(version(editor), keys_of(editor, 0)[:2])
    after = labels(gallery)
    gallery.store.add(filled.content)  # as `index_run` does, which knows the run's own clusters alone
    assert labels(gallery) != after
    Editor(Viewer(gallery), Journal(file))
    assert labels(gallery) == after


def test_a_new_clustering_is_kept_and_constraints_still_apply(editor, gallery, filled, file):
    from dataclasses import replace

    from reseen.gallery.entries import Entries

    editor.merge(version(editor), [1, 2])
    said = [path.read_text() for path in editor.files]
    other = [replace(entry, cluster=(entry.cluster or 0) + 50) for entry in filled.content.entries]
    gallery.store.add(Entries(other, filled.content.vectors))
    before = labels(gallery)
    again = Editor(Viewer(gallery), Journal(file))
    assert labels(gallery) == before
    assert not again.can_undo
    assert [path.read_text() for path in again.files] == said


def test_a_damaged_journal_names_the_line(file):
    file.write_text('{"undo": "x"}\n')
    with pytest.raises(GalleryError, match="line 1: damaged"):
        Journal(file)


def test_forgotten_crops_are_in_no_answer_and_the_journal_names_no_file(editor, gallery, file):
    keys = keys_of(editor, 0)[:2]
    editor.mark_same(version(editor), keys)
    editor.viewer.on_drop.append(editor.on_deletion)
    written = editor.files[0]
    gallery.store.delete(Filter(keys=(keys[0],)))
    editor.viewer.drop([keys[0]])
    assert not editor.files
    assert not read_answers([written])
    assert ".jpg" not in file.read_text()
    editor.undo(version(editor))


def test_the_journal_lies_in_the_gallery_or_among_the_users_files(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert edits_file("/some/gallery").as_posix() == "/some/gallery/mends.jsonl"
    assert edits_file("qdrant://host/people").parent == tmp_path / "reseen"


def test_an_edit_survives_its_journal(file):
    journal = Journal(file)
    one = Edit(
        "move", "2026-01-01T00:00:00+00:00", "moved", {"k": None}, {"k": 3}, (("a", "b"),), (("a", "c"),)
    )
    journal.do(one)
    assert Journal(file).history.done == [one]
    assert json.loads(file.read_text())["edit"]["kind"] == "move"


def test_a_journal_that_is_a_link_is_rejected(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("half a line")
    (tmp_path / "mends.jsonl").symlink_to(precious)
    with pytest.raises(StorageError, match="it is a link"):
        Journal(tmp_path / "mends.jsonl")
    assert precious.read_text() == "half a line"


def test_answers_are_constraints_without_a_change_of_clusters(editor, gallery):
    before, keys = labels(gallery), keys_of(editor, 0)
    editor.answer(version(editor), keys[:2], "same")
    editor.answer(version(editor), [keys[0], keys[2]], "different")
    editor.answer(version(editor), [keys[1], keys[3]], "unsure")
    assert labels(gallery) == before
    assert [edit.asked for edit in editor.done] == [
        (keys[0], keys[1]),
        (keys[0], keys[2]),
        (keys[1], keys[3]),
    ]
    constraints = pair_constraints(editor.done, keys)
    assert (len(constraints.same), len(constraints.different)) == (1, 1)
    editor.undo(version(editor))
    assert [edit.kind for edit in editor.done] == ["same", "different"]
    with pytest.raises(EditError, match="a question is on two crops"):
        editor.answer(version(editor), keys[:3], "same")


def test_changes_are_told(editor):
    told = []
    editor.on_change.append(lambda: told.append(len(editor.done)))
    keys = keys_of(editor, 0)
    editor.answer(version(editor), keys[:2], "unsure")
    editor.undo(version(editor))
    editor.redo(version(editor))
    assert told == [1, 0, 1]


@pytest.mark.parametrize("change", [{"asked": ("a",)}, {"asked": ("a", "b"), "kind": "merge"}])
def test_a_question_on_other_than_two_crops_is_no_edit(change):
    plain = Edit("same", "2026-01-01T00:00:00+00:00", "", asked=("a", "b")).to_plain()
    assert Edit.from_plain(plain).asked == ("a", "b")
    with pytest.raises(ValueError, match="a question is on two crops"):
        Edit.from_plain(plain | change)


@pytest.fixture
def with_people(editor):
    """An editor of a gallery whose clusters are people: person n + 1 for cluster n, as all are new."""
    editor.edit_people(version(editor), lambda people: people.update())
    return editor


def person_of(editor, number):
    """Ids of the people whose crops are in a cluster."""
    return {editor.people.person_of(key) for key in keys_of(editor, number)} - {None}


def test_people_are_edited_in_the_same_journal_and_undone_by_the_same_undo(with_people, gallery, file):
    (person,) = person_of(with_people, 3)
    before, seen = labels(gallery), version(with_people)
    with_people.edit_people(seen, lambda people: people.rename(person, "Anna"))
    assert version(with_people) > seen
    with pytest.raises(StaleError):
        with_people.edit_people(seen, lambda people: people.rename(person, "Berta"))
    with pytest.raises(EditError, match="already named Anna"):
        with_people.edit_people(version(with_people), lambda people: people.rename(person + 1, "anna"))
    with_people.merge(version(with_people), [1, 2])
    assert [edit.kind for edit in with_people.done] == ["people-update", "person-name", "merge"]
    with_people.undo(version(with_people))
    assert with_people.undo(version(with_people)).kind == "person-name"
    assert labels(gallery) == before
    assert with_people.people.get(person).name is None
    with_people.redo(version(with_people))
    again = Editor(Viewer(gallery), Journal(file))
    assert again.people.find("Anna").id == person


def test_cluster_edits_move_the_people_along(with_people):
    one, two = person_of(with_people, 1), person_of(with_people, 2)
    into = with_people.merge(version(with_people), [1, 2])
    assert len(person_of(with_people, into)) == 1
    assert person_of(with_people, into) <= one | two
    members = keys_of(with_people, 0)
    number = with_people.split(version(with_people), members[:3])
    (new,) = person_of(with_people, number)
    assert new not in person_of(with_people, 0)
    assert with_people.people.get(new).confirmed == 3
    with_people.move(version(with_people), members[:1], 3)
    assert with_people.people.person_of(members[0]) in person_of(with_people, 3)
    with_people.move(version(with_people), members[1:2], NOISE)
    assert with_people.people.person_of(members[1]) is None
    for _ in range(4):
        with_people.undo(version(with_people))
    assert (person_of(with_people, 1), person_of(with_people, 2)) == (one, two)


def test_what_is_said_of_people_becomes_constraints(with_people):
    (one,), (two,) = person_of(with_people, 1), person_of(with_people, 2)
    with_people.edit_people(version(with_people), lambda people: people.merge(one, [two]))
    must, cannot = answered_pairs(read_answers(with_people.files))
    assert (len(must), len(cannot)) == (1, 0)


def test_without_people_cluster_edits_are_as_before(editor):
    editor.merge(version(editor), [1, 2])
    assert editor.done[-1].people is None
    assert not editor.people.all()
