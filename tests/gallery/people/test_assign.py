"""Whose crops these are, against a slow rule; and thresholds from a calibration and its trust."""

from dataclasses import replace

import numpy as np
import pytest

from reseen.audit import Calibration
from reseen.errors import SettingsError
from reseen.gallery.people.assign import REPRESENTATIVES, PersonIndex, Thresholds

TRUSTED = Calibration(
    "medium", "60 answers", 60, 0, 0.2, 0.1, (0.2, 0.4, 0.6, 0.8), (0.0, 0.05, 0.55, 1.0), 0.7, 0.08, (0.05, 0.1),
    0.2, (0.1, 0.3),
)  # fmt: skip


def units(generator, count, dimension=32):
    vectors = generator.standard_normal((count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_candidates_are_ranked_by_the_nearest_crops():
    generator = np.random.default_rng(0)
    index, crops = PersonIndex(32), {}
    for person in range(1, 201):
        crops[person] = units(generator, int(generator.integers(1, REPRESENTATIVES)))
        index.add(person, crops[person])
    query = crops[77][:2] + 0.1 * units(generator, len(crops[77][:2]))
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    found = index.candidates(query)
    slow = {person: float((query @ rows.T).max(axis=1).mean()) for person, rows in crops.items()}
    assert found[0].person == 77 == max(slow, key=lambda one: slow[one])
    assert len(found) == 20
    for one in found:
        assert one.similarity == pytest.approx(slow[one.person], abs=1e-5)
    assert [one.similarity for one in found] == sorted((one.similarity for one in found), reverse=True)


def test_only_allowed_people_are_candidates():
    generator = np.random.default_rng(1)
    index = PersonIndex(32)
    rows = units(generator, 100)
    for person in range(1, 101):
        index.add(person, rows[person - 1 : person])
    assert index.candidates(rows[4:5])[0].person == 5
    found = index.candidates(rows[4:5], lambda person: person % 2 == 0)
    assert found
    assert all(one.person % 2 == 0 for one in found)
    assert not PersonIndex(32).candidates(rows[:1])


def test_an_index_that_grows_is_one_that_was_made_at_once():
    generator = np.random.default_rng(2)
    rows = units(generator, 8)
    grown, made = PersonIndex(32), PersonIndex(32)
    for row in rows:
        grown.add(1, row[None])
    made.add(1, rows)
    np.testing.assert_allclose(grown.mean(1), made.mean(1), atol=1e-6)
    assert grown.candidates(rows[:2])[0].similarity == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("similarity", "same_from", "new_below", "kind"),
    [
        (0.8, 0.7, 0.4, "known"), (0.5, 0.7, 0.4, "ask"), (0.3, 0.7, 0.4, "new"), (0.8, None, None, "ask"),
        (0.8, None, 0.4, "ask"), (0.3, 0.7, None, "ask"), (0.3, 0.3, 0.3, "known"), (0.29, 0.3, 0.3, "new"),
    ],
)  # fmt: skip
def test_thresholds_decide(similarity, same_from, new_below, kind):
    index = PersonIndex(2)
    index.add(1, np.array([[1, 0]], np.float32))
    query = np.array([[similarity + 1e-6, np.sqrt(1 - (similarity + 1e-6) ** 2)]], np.float32)
    verdict = index.decide(query, Thresholds(same_from, new_below, ""))
    assert verdict.kind == kind
    assert verdict.candidates[0].similarity == pytest.approx(similarity, abs=1e-4)


def test_without_people_crops_are_new_only_where_that_can_be_said():
    query = np.array([[1, 0]], np.float32)
    assert PersonIndex(2).decide(query, Thresholds(0.7, 0.4, "")).kind == "new"
    assert PersonIndex(2).decide(query, Thresholds(None, None, "")).kind == "none"


def test_calibrated_thresholds_are_those_of_the_share_of_errors():
    chosen = Thresholds.choose(TRUSTED)
    assert chosen.same_from == 0.7
    assert chosen.new_below == pytest.approx(0.42)
    assert float(TRUSTED.probability(np.array(chosen.new_below))) == pytest.approx(TRUSTED.target)
    assert "trust medium" in chosen.text
    assert "10%" in chosen.text


def test_new_is_never_above_known():
    generous = replace(TRUSTED, threshold=0.3)
    chosen = Thresholds.choose(generous)
    assert (chosen.same_from, chosen.new_below) == (0.3, 0.3)


def test_at_low_trust_nothing_is_decided_and_one_line_says_why():
    low = Calibration("low", "10 answers", 10, 40, 0.2, 0.1, (), (), None, None, None, None, None)
    for calibration, why in ((low, "no probabilities: trust is low, 10 answers"), (None, "")):
        chosen = Thresholds.choose(calibration, why)
        assert (chosen.same_from, chosen.new_below) == (None, None)
        assert "trust is low" in chosen.text
        assert "--same-from" in chosen.text
    assert Thresholds.choose(low, same_from=0.6).same_from == 0.6
    assert Thresholds.choose(low, same_from=0.6).new_below is None


def test_a_calibration_without_a_threshold_assigns_nobody():
    none = replace(
        TRUSTED,
        threshold=None,
        false_share=None,
        false_interval=None,
        missed_share=None,
        missed_interval=None,
    )
    assert Thresholds.choose(none).same_from is None
    assert Thresholds.choose(none).new_below == pytest.approx(0.42)


@pytest.mark.parametrize(
    ("same", "new", "words"), [(1.5, None, "cosine"), (None, -2, "cosine"), (0.3, 0.4, "above")]
)
def test_thresholds_that_cannot_be(same, new, words):
    with pytest.raises(SettingsError, match=words):
        Thresholds.choose(None, same_from=same, new_below=new)
