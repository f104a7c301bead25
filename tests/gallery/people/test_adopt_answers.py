"""Answers to questions that move to the gallery of a model that was trained anew, and calibrate its similarities."""

import httpx
import numpy as np
import pytest
from tests.gallery.people.conftest import DIMENSION, crops_of
from tests.gallery.stores.conftest import open_served
from tests.limits import HANG_SECONDS

import reseen
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.collection import read_collection
from reseen.gallery.edits.edit import Edit
from reseen.gallery.entries import Entries
from reseen.gallery.forget import known_threshold
from reseen.gallery.question_pool import QuestionPool, calibrate_gallery, question_answers
from reseen.gallery.side_files import read_gallery_calibration
from reseen.gallery.stores.edge import EdgeStore

PEOPLE = 12


@pytest.fixture(autouse=True)
def _own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def make(folder, model, seed=None):
    """A gallery of twelve people of eight crops, in clusters, whose vectors a seed turns by noise of their own."""
    identity = ModelIdentity(
        model * 64, DIMENSION, "cluster-contrast", "resnet18", 64, 32, str(folder / "gone")
    )
    with EdgeStore(folder, identity, create=True) as store:
        for who in range(PEOPLE):
            crops = crops_of(who, 8, cluster=who, tracklets=False)
            vectors = crops.vectors.copy()
            if seed is not None:
                vectors += 0.1 * np.random.default_rng([seed, who]).standard_normal(vectors.shape)
                vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            store.add(Entries(crops.entries, vectors.astype(np.float32)))
    return folder


def answer_questions(folder, count):
    """True answers to the questions that are asked one after the other, an unsure one among them, and people."""
    with reseen.open_gallery(folder) as gallery:
        people = gallery.people
        people.update()
        collection = people.collection
        pool = QuestionPool(collection)
        for number in range(count):
            pair = pool.next_pair(question_answers(people.journal.history.done))
            one, other = (collection.entries[row].image.partition("/")[0] for row in pair)
            verdict = "unsure" if number == 3 else "same" if one == other else "different"
            keys = tuple(collection.keys[row] for row in pair)
            groups = {"same": (keys,)} if verdict == "same" else {}
            groups |= {"different": (keys,)} if verdict == "different" else {}
            people.journal.do(Edit(verdict, "t", "w", asked=keys, **groups))
        return calibrate_gallery(collection, people.journal.history.done)


@pytest.fixture
def old(tmp_path):
    """A gallery with people whose questions were answered."""
    folder = make(tmp_path / "old", "a")
    assert answer_questions(folder, 150).trusted
    return folder


def test_answers_calibrate_the_vectors_of_the_new_model(old, tmp_path):
    new = make(tmp_path / "new", "b", seed=1)
    adopted = reseen.adopt_from(new, old)
    assert (adopted.people, adopted.answers) == (PEOPLE, 150)
    with reseen.open_gallery(old) as before, reseen.open_gallery(new) as gallery:
        edits = before.people.journal.history.done
        wanted = calibrate_gallery(read_collection(gallery.store), edits)
        assert wanted != calibrate_gallery(read_collection(before.store), edits)
        assert gallery.calibration == wanted
        assert f"{wanted.answers} answers" in adopted.calibration
        assert 0 < wanted.answers <= 149, "pairs that are similar no more do not count, nor do unsure answers"
        assert known_threshold(gallery) == wanted.threshold


def test_undo_takes_the_calibration_back_and_redo_makes_it_again(old, tmp_path):
    new = make(tmp_path / "new", "b", seed=1)
    reseen.adopt_from(new, old)
    with reseen.open_gallery(new) as gallery:
        found = gallery.calibration
        assert found is not None
        gallery.people.undo()
        assert gallery.calibration is None
        assert read_gallery_calibration(str(new), "b" * 64) is None
        gallery.people.redo()
        assert gallery.calibration == found


def test_answers_go_on_to_a_third_model_and_only_with_both_crops(old, tmp_path):
    second, third = make(tmp_path / "second", "b", seed=1), make(tmp_path / "third", "c", seed=2)
    reseen.adopt_from(second, old)
    with reseen.open_gallery(third) as gallery:
        gone = next(gallery.store.scan()).entries[0].key
        gallery.store.delete(reseen.Filter(keys=(gone,)))
    with reseen.open_gallery(second) as gallery:
        answers = question_answers(gallery.people.journal.history.done)
    left = [one for one in answers if gone not in one]
    assert 0 < len(left) < len(answers)
    assert reseen.adopt_from(third, second).answers == len(left)
    with reseen.open_gallery(third) as gallery:
        assert question_answers(gallery.people.journal.history.done) == left


def test_answers_on_forgotten_crops_are_gone(old, tmp_path):
    new = make(tmp_path / "new", "b", seed=1)
    reseen.adopt_from(new, old)
    with reseen.open_gallery(new) as gallery:
        journal = gallery.people.journal
        one = question_answers(journal.history.done)[0].one
        journal.forget([one])
        assert one not in journal.file.read_text()
        assert question_answers(journal.history.done)


def test_a_gallery_without_answers_says_nothing_of_them(tmp_path):
    old, new = make(tmp_path / "old", "a"), make(tmp_path / "new", "b", seed=1)
    reseen.update_people(old)
    adopted = reseen.adopt_from(new, old)
    assert (adopted.answers, adopted.calibration) == (0, "")
    with reseen.open_gallery(new) as gallery:
        assert gallery.calibration is None


def test_a_viewer_that_shows_the_new_gallery_uses_the_answers_at_its_next_request(old, tmp_path):
    new = make(tmp_path / "new", "b", seed=1)
    with (
        open_served(new, None, False) as store,
        httpx.Client(
            base_url=store._viewer.url,
            headers={"Authorization": f"Bearer {store._viewer.secret}"},
            trust_env=False,
            timeout=HANG_SECONDS,
        ) as browser,
    ):
        assert browser.get("/api/questions").json()["sure"] == 0
        reseen.adopt_from(new, old)
        shown = browser.get("/api/questions").json()
        kept = read_gallery_calibration(str(new), "b" * 64)
        assert (shown["sure"], shown["unsure"]) == (149, 1)
        assert (shown["trust"], shown["threshold"]) == (kept.trust, kept.threshold)
        undone = browser.post("/api/edits", json={"do": "undo", "version": shown["version"]})
        assert undone.status_code == 200
        assert browser.get("/api/questions").json()["sure"] == 0
        assert read_gallery_calibration(str(new), "b" * 64) is None
