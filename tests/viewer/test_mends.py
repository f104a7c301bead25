"""Mends: what they change, what they say, what survives."""

import json
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.audit.answers import links, read_answers
from reseen.cluster import Constraints
from reseen.data.readers import read_training
from reseen.engine.constraints import read_constraints
from reseen.errors import GalleryError, StorageError
from reseen.gallery.where import Where
from reseen.viewer.clusters import Clusters
from reseen.viewer.collection import NOISE, read_collection
from reseen.viewer.mends.edit import Edit
from reseen.viewer.mends.journal import Journal, mends_file
from reseen.viewer.mends.mender import Mender, MendError, StaleError
from reseen.viewer.mends.statements import statements
from reseen.viewer.viewer import Viewer


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mends.jsonl"


@pytest.fixture
def mender(gallery, file):
    return Mender(Viewer(gallery), Journal(file))


def labels(gallery):
    """Cluster by image, as the store has it."""
    return {entry.image: entry.cluster for part in gallery.store.scan() for entry in part.entries}


def keys_of(mender, number):
    now = mender.viewer.now
    return [now.collection.keys[row] for row in now.clusters[number].rows]


def version(mender):
    return mender.viewer.now.version


def same_state(mender):
    """Snapshot and store say the same, and clusters are what they would be if computed anew."""
    now, fresh = mender.viewer.now, read_collection(mender.viewer.gallery.store)
    np.testing.assert_array_equal(now.collection.clusters, fresh.clusters)
    anew = Clusters(fresh)
    assert [one.number for one in now.clusters.all()] == [one.number for one in anew.all()]
    for one, other in zip(now.clusters.all(), anew.all(), strict=True):
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


def test_merging_moves_all_crops_into_the_largest(mender, gallery):
    members = set(keys_of(mender, 1)) | set(keys_of(mender, 2))
    into = mender.merge(version(mender), [1, 2])
    assert set(keys_of(mender, into)) == members
    assert 3 - into not in mender.viewer.now.clusters
    same_state(mender)
    must, cannot = links(read_answers(mender.files))
    assert (len(must), len(cannot)) == (1, 0)


def test_splitting_makes_a_cluster_and_tells_it_from_the_rest(mender):
    members = keys_of(mender, 0)
    number = mender.split(version(mender), members[:3])
    assert set(keys_of(mender, number)) == set(members[:3])
    assert set(keys_of(mender, 0)) == set(members[3:])
    same_state(mender)
    must, cannot = links(read_answers(mender.files))
    assert len(must) == 2
    images = {entry.image: entry.key for entry in mender.viewer.now.collection.entries}
    assert {images[first] for first, _ in cannot} == {members[0]}
    assert {images[second] for _, second in cannot} <= set(members[3:])


def test_moving_says_who_it_is_and_who_it_is_not(mender):
    moved, rest, target = keys_of(mender, 0)[:2], keys_of(mender, 0)[2:], keys_of(mender, 3)
    mender.move(version(mender), moved, 3)
    assert set(keys_of(mender, 3)) == {*moved, *target}
    edit = mender.done[-1]
    assert edit.same == ((target[0], *moved),)
    assert edit.different == tuple((key, rest[0]) for key in moved)
    same_state(mender)


def test_taking_out_says_only_who_it_is_not(mender, gallery):
    key = keys_of(mender, 0)[-1]
    mender.move(version(mender), [key], NOISE)
    assert next(iter(gallery.store.scan(Where(keys=(key,))))).entries[0].cluster == -1
    assert not mender.done[-1].same


def test_marks_change_no_cluster(mender, gallery):
    before, keys = labels(gallery), keys_of(mender, 0)[:3]
    mender.same(version(mender), keys[:2])
    mender.different(version(mender), [keys[0], keys[2]])
    assert labels(gallery) == before
    must, cannot = links(read_answers(mender.files))
    assert (len(must), len(cannot)) == (1, 1)


def test_training_reads_what_was_said(mender, filled):
    """Mends of a cluster, over each other, become constraints on the very rows of the training table."""
    table = read_training(filled.crowd)
    mender.merge(version(mender), [1, 2])
    mender.split(version(mender), keys_of(mender, 0)[:3])
    mender.move(version(mender), keys_of(mender, 0)[:1], 3)
    constraints, sentence = read_constraints(mender.files[0], table)
    said = statements(mender.done, mender.viewer.now.collection.keys)
    assert (len(constraints.must), len(constraints.cannot)) == (len(said.same), len(said.different))
    assert "left out" not in sentence


def test_everything_can_be_undone_and_done_again(mender, gallery):
    states = [labels(gallery)]
    mender.merge(version(mender), [1, 2])
    states.append(labels(gallery))
    mender.split(version(mender), keys_of(mender, 0)[:2])
    states.append(labels(gallery))
    mender.move(version(mender), keys_of(mender, 3)[:1], 4)
    states.append(labels(gallery))
    for wanted in states[-2::-1]:
        mender.undo(version(mender))
        assert labels(gallery) == wanted
        same_state(mender)
    with pytest.raises(MendError, match="nothing to undo"):
        mender.undo(version(mender))
    assert not mender.files
    for wanted in states[1:]:
        mender.redo(version(mender))
        assert labels(gallery) == wanted
    with pytest.raises(MendError, match="nothing to redo"):
        mender.redo(version(mender))
    mender.undo(version(mender))
    mender.same(version(mender), keys_of(mender, 0)[:2])
    with pytest.raises(MendError, match="nothing to redo"):
        mender.redo(version(mender))


def test_a_mend_on_an_old_version_is_refused_and_loses_nothing(mender, gallery):
    seen = version(mender)
    mender.merge(seen, [1, 2])
    after = labels(gallery)
    with pytest.raises(StaleError, match="nothing was done"):
        mender.split(seen, keys_of(mender, 0)[:1])
    with pytest.raises(StaleError):
        mender.undo(seen)
    assert labels(gallery) == after
    assert len(mender.done) == 1


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (lambda m: m.merge(version(m), [1]), "two clusters"),
        (lambda m: m.merge(version(m), [1, 1]), "two clusters"),
        (lambda m: m.merge(version(m), [1, 999]), "no cluster 999"),
        (lambda m: m.split(version(m), []), "choose some crops"),
        (lambda m: m.split(version(m), keys_of(m, 0)), "all crops of the cluster"),
        (lambda m: m.split(version(m), [keys_of(m, 0)[0], keys_of(m, 3)[0]]), "several clusters"),
        (lambda m: m.split(version(m), ["nobody"]), "not in the gallery"),
        (lambda m: m.split(version(m), keys_of(m, 0)[:1] * 2), "named twice"),
        (lambda m: m.move(version(m), keys_of(m, 0)[:1], 0), "there already"),
        (lambda m: m.move(version(m), keys_of(m, 0)[:1], 999), "no cluster 999"),
        (lambda m: m.same(version(m), keys_of(m, 0)[:1]), "two crops"),
        (lambda m: m.different(version(m), keys_of(m, 0)[:1]), "2 to 12"),
        (lambda m: m.apart(version(m), [1]), "two clusters"),
    ],
)
def test_what_makes_no_sense_is_refused(mender, gallery, what, words):
    before = labels(gallery)
    with pytest.raises(MendError, match=words):
        what(mender)
    assert labels(gallery) == before
    assert not mender.done


def test_a_restart_goes_on_where_it_stopped(mender, gallery, file):
    mender.merge(version(mender), [1, 2])
    mender.split(version(mender), keys_of(mender, 0)[:2])
    mender.undo(version(mender))
    after = labels(gallery)
    again = Mender(Viewer(gallery), Journal(file))
    assert labels(gallery) == after
    assert [edit.kind for edit in again.done] == ["merge"]
    again.redo(version(again))
    again.undo(version(again))
    again.undo(version(again))
    assert not again.done


def test_killed_between_journal_and_store(mender, gallery, file, monkeypatch):
    before = labels(gallery)

    def die(entries):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gallery.store, "add", die)
        with pytest.raises(KeyboardInterrupt):
            mender.merge(version(mender), [1, 2])
    assert labels(gallery) == before
    again = Mender(Viewer(gallery), Journal(file))
    assert [edit.kind for edit in again.done] == ["merge"]
    assert sorted(labels(gallery).values()) != sorted(before.values())
    same_state(again)


def test_killed_within_a_line(mender, gallery, file):
    mender.merge(version(mender), [1, 2])
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])
    again = Mender(Viewer(gallery), Journal(file))
    assert len(again.done) == 1
    assert file.read_bytes() == whole
    again.undo(version(again))
    assert not Journal(file).history.done


def test_a_store_that_cannot_be_written_changes_nothing(mender, gallery, file, monkeypatch):
    before = labels(gallery)
    mender.same(version(mender), keys_of(mender, 0)[:2])
    mender.undo(version(mender))

    def full(entries):
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(gallery.store, "add", full)
        with pytest.raises(StorageError):
            mender.merge(version(mender), [1, 2])
    assert labels(gallery) == before
    assert not mender.done
    assert len(mender.undone) == 1
    assert not Journal(file).history.done
    mender.redo(version(mender))


def test_indexing_the_same_run_again_loses_no_mend(mender, gallery, filled, file):
    mender.merge(version(mender), [1, 2])
    mender.split(version(mender), keys_of(mender, 0)[:2])
    after = labels(gallery)
    gallery.store.add(filled.content)  # as `index_run` does, which knows the run's own clusters alone
    assert labels(gallery) != after
    Mender(Viewer(gallery), Journal(file))
    assert labels(gallery) == after


def test_other_clusters_are_left_alone_and_what_was_said_holds(mender, gallery, filled, file):
    from dataclasses import replace

    from reseen.gallery.entries import Entries

    mender.merge(version(mender), [1, 2])
    said = [path.read_text() for path in mender.files]
    other = [replace(entry, cluster=(entry.cluster or 0) + 50) for entry in filled.content.entries]
    gallery.store.add(Entries(other, filled.content.vectors))
    before = labels(gallery)
    again = Mender(Viewer(gallery), Journal(file))
    assert labels(gallery) == before
    assert not again.can_undo
    assert [path.read_text() for path in again.files] == said


def test_a_damaged_journal_names_the_line(file):
    file.write_text('{"undo": "x"}\n')
    with pytest.raises(GalleryError, match="line 1: damaged"):
        Journal(file)


def test_forgotten_crops_are_in_no_answer_and_the_journal_names_no_file(mender, gallery, file):
    keys = keys_of(mender, 0)[:2]
    mender.same(version(mender), keys)
    mender.viewer.after_drop.append(mender.forgotten)
    written = mender.files[0]
    gallery.store.delete(Where(keys=(keys[0],)))
    mender.viewer.drop([keys[0]])
    assert not mender.files
    assert not read_answers([written])
    assert ".jpg" not in file.read_text()
    mender.undo(version(mender))


def test_the_journal_lies_in_the_gallery_or_among_the_users_files(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert mends_file("/some/gallery").as_posix() == "/some/gallery/mends.jsonl"
    assert mends_file("qdrant://host/people").parent == tmp_path / "reseen"


def edit(same=(), different=()):
    return Edit("same", "2026-01-01T00:00:00+00:00", "", {}, {}, same, different)


pairs = st.tuples(st.booleans(), st.sampled_from(list(combinations("abcdef", 2))))


@settings(max_examples=200)
@given(st.lists(pairs, max_size=14))
def test_statements_never_contradict_each_other_and_the_later_one_holds(said):
    edits = [edit(same=(pair,)) if same else edit(different=(pair,)) for same, pair in said]
    found = statements(edits, "abcdef")
    row = {key: place for place, key in enumerate("abcdef")}

    def rows(pairs):
        return np.array([[row[a], row[b]] for a, b in pairs], np.int64).reshape(-1, 2)

    Constraints(rows(found.same), rows(found.different), 6)  # raises where they contradict
    # The slow rule: from the last to the first, each is kept if all kept so far still can be true with it.
    must, cannot = [], []
    for same, pair in reversed(said):
        trial = ([*must, pair], cannot) if same else (must, [*cannot, pair])
        if possible(*trial):
            must, cannot = trial
    assert set(found.same) == set(must)
    assert set(found.different) == set(cannot)


def possible(must, cannot):
    group = {key: {key} for key in "abcdef"}
    for one, other in must:
        joined = group[one] | group[other]
        for key in joined:
            group[key] = joined
    return all(other not in group[one] for one, other in cannot)


def test_an_edit_survives_its_journal(file):
    journal = Journal(file)
    one = Edit(
        "move", "2026-01-01T00:00:00+00:00", "moved", {"k": None}, {"k": 3}, (("a", "b"),), (("a", "c"),)
    )
    journal.do(one)
    assert Journal(file).history.done == [one]
    assert json.loads(file.read_text())["edit"]["kind"] == "move"
