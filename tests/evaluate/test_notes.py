"""What a score must say: unknown cameras, and what the identity 0 was taken for."""

import json

import numpy as np
import pytest
import torch

from reseen import LabeledFeatures, score_features
from reseen.errors import DataError
from reseen.evaluate import market
from reseen.records import Features

FEATURES = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
PEOPLE = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
CAMERAS = np.array([0, 0, 1, 1] * 3)
QUERY = np.array([0, 2, 4, 6, 8, 10])


def side(rows=slice(None), people=PEOPLE, cameras=CAMERAS):
    return LabeledFeatures(FEATURES[rows], people[rows], None if cameras is None else cameras[rows])


def test_people_counted_from_zero_score_like_people_counted_from_one(capsys):
    found = score_features(side(QUERY), side())
    assert found.valid_queries == 6
    ones = score_features(side(QUERY, PEOPLE + 1), side(people=PEOPLE + 1), quiet=True)
    assert found.mean_average_precision == ones.mean_average_precision
    assert ones.notes == ()
    assert "2 of 6 queries have the identity 0, which counts as a person here" in found.notes[0]
    assert "--distractors zero" in found.notes[0]
    assert "warning: 2 of 6 queries" in " ".join(capsys.readouterr().err.split())
    assert found.to_json()["notes"] == list(found.notes)
    assert found.to_json()["rules"]["distractors"] == "none, identity 0 is a person"
    assert ones.to_json()["rules"]["distractors"] == "identity 0, kept as wrong answers"


def test_distractors_may_be_said_to_be_there_or_not():
    found = score_features(side(QUERY), side(), distractors="zero", quiet=True)
    assert (found.queries, found.valid_queries) == (6, 4)
    assert "2 of 6 queries have the identity 0, the number of distractors" in found.notes[0]
    assert score_features(side(QUERY), side(), distractors="none", quiet=True).notes == ()
    others = QUERY[2:]
    assert score_features(side(others), side(), quiet=True).notes == (), (
        "a 0 that nobody asks for changes nothing"
    )
    vehicles = score_features(side(QUERY), side(), protocol="vehicleid", quiet=True)
    assert vehicles.valid_queries > 0


def test_names_follow_the_same_rule():
    names = np.array(["0", "0", "0", "0", "ann", "ann", "ann", "ann", "bob", "bob", "bob", "bob"])
    found = score_features(side(QUERY, names), side(people=names), quiet=True)
    assert found.valid_queries == 6


def test_nothing_to_score_does_not_blame_the_cameras():
    rows, nobody = Features(torch.eye(4)), np.zeros(4, dtype=np.int64)
    with pytest.raises(
        DataError, match=r"4 queries have the identity 0, which marks distractors.*--distractors none"
    ):
        market(rows, rows, nobody, np.arange(4), nobody, np.arange(4))


@pytest.mark.parametrize("unknown", ["query", "gallery", "both"])
def test_unknown_cameras_are_always_said(unknown):
    people = PEOPLE + 1
    query = side(QUERY, people, None if unknown != "gallery" else CAMERAS)
    gallery = side(people=people, cameras=None if unknown != "query" else CAMERAS)
    found = score_features(query, gallery, quiet=True)
    (note,) = found.notes
    assert note.startswith("cameras are unknown: matches under the query's own camera count as right answers")


def test_some_unknown_cameras_are_counted():
    cameras = np.where(np.arange(12) < 3, -1, CAMERAS)
    people = PEOPLE + 1
    found = score_features(side(QUERY, people, cameras), side(people=people, cameras=cameras), quiet=True)
    assert found.notes[0].startswith("the cameras of 2 of 6 query and 3 of 12 gallery images are unknown")


def test_every_protocol_says_it():
    people = PEOPLE + 1
    for protocol in ("market", "cuhk03-new", "cuhk03-classic", "vehicleid"):
        found = score_features(
            side(QUERY, people, None), side(people=people, cameras=None), protocol=protocol, quiet=True
        )
        assert any("matches under the query's own camera count" in note for note in found.notes), protocol
        assert json.loads(json.dumps(found.to_json()))["notes"]
