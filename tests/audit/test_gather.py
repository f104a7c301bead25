from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from reseen.audit import AnsweredPairs, Mixture, gather, gather_evidence
from reseen.audit.evidence import near_pairs, random_pairs, same_frame_pairs, tracklet_pairs
from reseen.data.table import ImageTable


@pytest.fixture
def scene(people):
    """A function that makes features and a table: (features, truth, table); some of its columns may be unknown."""

    def make(tracklets=True, times=True, each=12, **changes):
        features, labels = people(each=each, **changes)
        truth, n = labels.labels, len(labels)
        cameras = np.random.default_rng(0).integers(0, 2, n)
        names = tuple(f"{row}.jpg" for row in range(n))
        track = truth * 2 + cameras if tracklets else None
        when = np.arange(n, dtype=float) // 40 if times else None
        return features, truth, ImageTable(Path("/none"), names, cameras, ("c1", "c2"), track, when)

    return make


def generator():
    return np.random.default_rng(0)


def test_pairs_are_what_they_say(scene):
    features, truth, table = scene()
    positive = tracklet_pairs(features, table, generator())
    assert (table.tracklets[positive.first] == table.tracklets[positive.second]).all()
    assert (positive.first != positive.second).all()
    negative = same_frame_pairs(features, table, generator())
    assert (table.cameras[negative.first] == table.cameras[negative.second]).all()
    assert (table.times[negative.first] == table.times[negative.second]).all()
    assert (truth[negative.first] != truth[negative.second]).all()
    rows = features.numpy
    assert positive.similarity == pytest.approx(
        (rows[positive.first] * rows[positive.second]).sum(axis=1), abs=1e-6
    )
    other = random_pairs(features, 500, generator())
    assert (other.first != other.second).all()


def test_near_pairs_are_the_nearest_of_other_cameras(scene):
    features, _, table = scene()
    similarity = features.numpy @ features.numpy.T
    for cameras in (None, table.cameras):
        found = near_pairs(features, cameras, generator())
        for row in (0, 17, 60):
            apart = np.arange(len(table)) != row
            apart &= True if cameras is None else cameras != cameras[row]
            nearest = np.sort(similarity[row][apart])[-10:]
            assert np.sort(found.similarity[found.first == row]) == pytest.approx(nearest)


def test_unknown_columns_give_no_pairs(scene):
    features, _, table = scene(tracklets=False, times=False)
    assert tracklet_pairs(features, table, generator()) is None
    assert same_frame_pairs(features, table, generator()) is None
    lone = ImageTable(
        table.root,
        table.paths,
        table.cameras,
        table.camera_names,
        np.full(len(table), -1),
        np.full(len(table), np.nan),
    )
    assert tracklet_pairs(features, lone, generator()) is None
    assert same_frame_pairs(features, lone, generator()) is None


def test_the_best_evidence_is_taken_and_named(scene):
    def source(answered=None, **changes):
        features, _, table = scene(each=20, **changes)
        found = gather_evidence(features, table, np.ones(len(table)), answered, generator())
        return found.trust, found.sources

    assert source() == ("medium", source()[1])
    assert "of one tracklet" in source()[1][0]
    assert "of one frame" in source()[1][1]
    assert "random pairs" in source(times=False)[1][1]
    trust, words = source(tracklets=False, times=False)
    assert trust == "low"
    assert "mixture" in words[0]
    assert "of one frame" in source(tracklets=False)[1][1]
    pairs = np.array(list(combinations(range(20), 2)))[:120]
    answered = AnsweredPairs(pairs[:, 0], pairs[:, 1], np.arange(120) % 2 * 1.0, np.ones(120))
    assert source(answered) == ("high", ("120 answers of a person",))
    few = AnsweredPairs(pairs[:50, 0], pairs[:50, 1], np.arange(50) % 2 * 1.0, np.ones(50))
    assert source(few)[0] == "medium"
    one_kind = AnsweredPairs(pairs[:, 0], pairs[:, 1], np.ones(120), np.ones(120))
    assert source(one_kind)[0] == "medium"


def test_views_stand_in_where_similarities_are_of_one_kind(scene, monkeypatch):
    features, _, table = scene(tracklets=False, times=False, each=20)
    blurred = Mixture(0.5, 0.4, 0.1, 0.45, 0.1, 0.0, 1)
    monkeypatch.setattr(gather, "pair_mixture", lambda pairs: blurred)
    found = gather_evidence(features, table, np.full(len(table), 0.9), None, generator())
    assert "another view of themselves" in found.sources[0]
    assert found.trust == "low"
    assert found.similarity[found.same == 1] == pytest.approx(0.9)


def test_a_mixture_of_people_far_apart_knows_who_is_who(scene):
    features, truth, table = scene(tracklets=False, times=False, people=30, each=8, noise=0.3, dimension=32)
    found = gather_evidence(features, table, None, None, generator())
    near = near_pairs(features, table.cameras, generator())
    same = truth[near.first] == truth[near.second]
    assert found.same[same].mean() > 0.95
    assert found.same[~same].mean() < 0.05
