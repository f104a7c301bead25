"""Answers to questions, and the calibration that they give with the vectors that crops have now."""

import numpy as np
import pytest
import torch
from tests.gallery.people.conftest import Album

from reseen.audit import AnsweredPairs, calibrate, plan_pool
from reseen.audit.tracklet_pairs import DIFFERENT, SAME, UNKNOWN
from reseen.gallery.collection import build_collection, read_collection
from reseen.gallery.edits.edit import Edit, PairAnswer
from reseen.gallery.entries import Entry
from reseen.gallery.question_pool import QuestionPool, _tracklet_pairs, calibrate_gallery, question_answers
from reseen.geometry import unit
from reseen.records import Features, contiguous


def collection_of(album):
    return read_collection(album.store)


def answered(pair, verdict):
    """The edit of an answer."""
    return Edit(verdict, "t", "w", asked=pair)


def all_answers(collection, count):
    """True answers to the questions that are asked one after the other."""
    pool, edits = QuestionPool(collection), []
    while len(edits) < count and (pair := pool.next_pair(question_answers(edits))) is not None:
        one, other = (collection.entries[row].image.partition("/")[0] for row in pair)
        verdict = "same" if one == other else "different"
        edits.append(answered(tuple(collection.keys[row] for row in pair), verdict))
    return edits


@pytest.fixture
def album(tmp_path):
    """An empty gallery."""
    return Album(tmp_path / "mends.jsonl")


@pytest.fixture
def crops(album):
    """Twelve people of eight crops, in clusters of two people each, without tracklets."""
    for who in range(12):
        album.add(who, 8, cluster=who // 2, tracklets=False)
    return collection_of(album)


def reference(collection, edits):
    """The calibration by the definition: cosines and clusters of the answered pairs, one by one."""
    features = Features(unit(torch.from_numpy(collection.vectors)))
    rows = [[collection.rows[key] for key in edit.asked] for edit in edits if edit.kind != "unsure"]
    similarity, together = [], []
    for one, other in rows:
        similarity.append(float(features.numpy[one].astype(float) @ features.numpy[other].astype(float)))
        together.append(collection.clusters[one] == collection.clusters[other] >= 0)
    same = [edit.kind == "same" for edit in edits if edit.kind != "unsure"]
    answers = AnsweredPairs(np.array(similarity), np.array(together), np.array(same))
    pool = plan_pool(features, contiguous(collection.clusters))
    return calibrate(pool, answers, np.random.default_rng(0))


def close(one, other):
    """Whether two calibrations say the same, but for rounding."""
    assert (one.trust, one.answers, one.further) == (other.trust, other.answers, other.further)
    np.testing.assert_allclose(one.similarities, other.similarities, atol=1e-5)
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-3)
    if other.threshold is None:
        assert one.threshold is None
    else:
        assert one.threshold == pytest.approx(other.threshold, abs=1e-5)


def test_the_calibration_is_that_of_the_pairs_as_they_are_now(crops):
    edits = all_answers(crops, 150)
    assert {edit.kind for edit in edits} == {"same", "different"}
    close(calibrate_gallery(crops, edits), reference(crops, edits))
    assert calibrate_gallery(crops, edits).trusted


def test_other_vectors_of_the_same_crops_give_what_they_give_from_scratch(crops, tmp_path):
    edits = all_answers(crops, 150)
    other = Album(tmp_path / "other.jsonl")
    generator = np.random.default_rng(7)
    for who in range(12):
        other.add(who, 8, cluster=who, tracklets=False)
    others = collection_of(other)
    others.vectors[:] += 0.05 * generator.standard_normal(others.vectors.shape)
    others.vectors[:] /= np.linalg.norm(others.vectors, axis=1, keepdims=True)
    found = calibrate_gallery(others, edits)
    close(found, reference(others, edits))
    assert found.lowest != calibrate_gallery(crops, edits).lowest


def test_the_last_sure_answer_counts_and_unsure_ones_do_not(crops):
    pair = crops.keys[:2]
    edits = [answered(pair, "same"), answered(pair[::-1], "different"), answered(pair, "unsure")]
    assert QuestionPool(crops).verdicts(question_answers(edits)) == {(0, 1): "different"}
    assert calibrate_gallery(crops, edits).answers == 1
    assert calibrate_gallery(crops, edits[2:]) is None
    assert calibrate_gallery(crops, []) is None


def test_answers_on_crops_that_are_gone_do_not_count(crops):
    edits = [answered(crops.keys[:2], "same"), answered((crops.keys[0], crops.keys[9]), "different")]
    assert calibrate_gallery(crops.without([crops.keys[9]]), edits).answers == 1
    assert calibrate_gallery(crops.without([crops.keys[0]]), edits) is None


def test_the_pool_follows_other_clusters_of_the_same_crops(crops):
    edits = all_answers(crops, 60)
    answers = question_answers(edits)
    pool = QuestionPool(crops)
    again = crops.reclustered(dict.fromkeys(crops.keys, 0))
    assert QuestionPool(again, pool).calibrate(answers) == QuestionPool(again).calibrate(answers)
    assert QuestionPool(again, pool).next_pair(answers) == QuestionPool(again).next_pair(answers)


def test_one_crop_is_no_question(album):
    album.add(0, 1, cluster=0)
    pool = QuestionPool(collection_of(album))
    assert pool.next_pair([]) is None
    assert pool.calibrate([PairAnswer("a", "b", "same")]) is None


def test_pairs_that_tracklets_know_are_not_asked():
    """Tracklets, and times of a camera, are of one source: equal numbers of another mean nothing."""

    def entry(source, camera, tracklet, time):
        return Entry(source, f"{camera}-{tracklet}-{time}.jpg", camera=camera, tracklet=tracklet, time=time)

    entries = [
        entry("/a", "c1", 1, 0.0), entry("/a", "c1", 1, 9.0), entry("/a", "c1", 2, 5.0), entry("/a", "c2", 3, 5.0),
        entry("/b", "c1", 1, 5.0), entry("/a", None, None, None),
    ]  # fmt: skip
    collection = build_collection(entries, np.eye(6, dtype=np.float32))
    known = _tracklet_pairs(collection, np.arange(6))
    rows = np.array([[0, 1], [0, 2], [1, 2], [0, 3], [2, 3], [0, 4], [2, 4], [0, 5]])
    said = known.of(rows[:, 0], rows[:, 1]).tolist()
    assert said == [SAME, DIFFERENT, DIFFERENT, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]
