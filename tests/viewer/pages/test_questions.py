"""Questions answered in a real browser and by the API, until there is a threshold that search and deletion use."""

import re

import pytest
from tests.viewer.conftest import no_sideways_scroll

from reseen.audit.answers import read_answers
from reseen.errors import DataError
from reseen.gallery.forget import known_threshold
from reseen.gallery.side_files import read_gallery_calibration, side_file

_SHOWN = "[...document.querySelectorAll('form.question input[name=crops]')].map(one => one.value)"


def done(page, words):
    page.wait_for_function("words => document.getElementById('notice').innerText.includes(words)", arg=words)


def asked(page):
    return page.locator("form.question input[name=crops]").evaluate_all("all => all.map(one => one.value)")


def person(viewer, key):
    collection = viewer.snapshot.collection
    return collection.entries[collection.rows[key]].image.rpartition("/")[2].partition("_")[0]


@pytest.fixture(autouse=True)
def no_calibration(served):
    """Side files of galleries in memory lie in one folder."""
    file = side_file(served.viewer.address, "calibration.json")
    file.unlink(missing_ok=True)
    yield
    file.unlink(missing_ok=True)


def test_questions_are_answered_by_keys_and_undone(tab, served):
    tab.keyboard.press("g")
    tab.keyboard.press("q")
    tab.wait_for_selector("form.question")
    assert "50 to 200 answers" in tab.locator(".past").inner_text()
    seen = []
    for key, words in (("1", "same person"), ("2", "different people"), ("3", "unsure")):
        seen.append(frozenset(asked(tab)))
        tab.keyboard.press(key)
        done(tab, f"Answered: {words}")
    assert len(set(seen)) == 3
    assert frozenset(asked(tab)) not in seen
    assert "2 sure answers, 1 unsure" in tab.locator(".past").inner_text()
    assert "trust low" in tab.locator(".past").inner_text()
    assert not re.search(r"\d\s*%", tab.locator(".past").inner_text())
    following = asked(tab)
    tab.keyboard.press("u")
    done(tab, "Undone: answered a question: unsure")
    assert frozenset(asked(tab)) == seen[2]
    assert asked(tab) != following


def test_answers_are_constraints_for_training(tab, served):
    tab.goto(f"{served.address}/questions")
    for key in ("1", "2", "3"):
        before = asked(tab)
        tab.keyboard.press(key)
        tab.wait_for_function(f"before => {_SHOWN}.join() !== before.join()", arg=before)
    file = re.search(r"--data.constraints (\S+)", tab.locator(".past").inner_text())[1]
    assert [answer.verdict for answer in read_answers([file])] == ["same", "different"]


def test_all_answers_make_a_threshold_that_search_and_deletion_use(served):
    """Somebody who knows everybody answers every question; the errors stated are those of counting."""
    gallery = served.viewer.gallery
    with served.client() as client:
        facts = client.get("/api/questions").json()
        assert facts["trust"] == "low"
        assert facts["threshold"] is None
        assert gallery.calibration is None
        assert known_threshold(gallery) is None
        query = served.viewer.snapshot.collection.keys[0]
        before = client.get("/api/search", params={"key": query}).json()
        assert before["threshold"] is None
        assert all(match["probability"] is None for match in before["matches"])
        pairs = []
        for _ in range(40):
            one, other = facts["crops"]
            same = person(served.viewer, one) == person(served.viewer, other)
            pairs.append(frozenset((one, other)))
            verdict = "same" if same else "different"
            facts = client.post(
                "/api/questions",
                json={"version": facts["version"], "crops": facts["crops"], "verdict": verdict},
            ).json()
        assert len(set(pairs)) == facts["sure"] == 40
        kept = read_gallery_calibration(gallery.address, gallery.model.fingerprint)
        assert kept is not None
        assert kept.answers <= 40
        assert (kept.trust, kept.threshold) == (facts["trust"], facts["threshold"])
        assert (gallery.calibration is None) == (not kept.trusted)
        assert known_threshold(gallery) == kept.threshold
        after = client.get("/api/search", params={"key": query}).json()
        assert after["threshold"] == kept.threshold
        if not kept.trusted:
            assert all(match["probability"] is None for match in after["matches"])


def test_only_the_current_question_can_be_answered(served):
    keys = served.viewer.snapshot.collection.keys
    with served.client() as client:
        facts = client.get("/api/questions").json()
        other = [key for key in keys if key not in facts["crops"]][:2]
        wrong = client.post(
            "/api/questions", json={"version": facts["version"], "crops": other, "verdict": "same"}
        )
        assert wrong.status_code == 422
        assert "not those of the current question" in wrong.json()["error"]
        late = client.post(
            "/api/questions",
            json={"version": facts["version"] - 1, "crops": facts["crops"], "verdict": "same"},
        )
        assert late.status_code == 409
        assert client.get("/api/questions").json() == facts


def test_on_a_phone(phone, served):
    phone.goto(f"{served.address}/questions")
    assert no_sideways_scroll(phone)
    phone.locator("button[value=unsure]").tap()
    done(phone, "Answered: unsure")


def test_a_damaged_calibration_says_so(served):
    gallery = served.viewer.gallery
    file = side_file(gallery.address, "calibration.json")
    file.write_text("{")
    with pytest.raises(DataError, match="answer a question"):
        read_gallery_calibration(gallery.address, gallery.model.fingerprint)
    assert "damaged" in gallery.why_uncalibrated
    file.write_text('{"model": "another", "calibration": {}}')
    assert read_gallery_calibration(gallery.address, gallery.model.fingerprint) is None
