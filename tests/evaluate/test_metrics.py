"""Scores against the definition written as plain loops, and the corner cases by hand."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen import LabeledFeatures, score_features
from reseen.errors import DataError
from reseen.evaluate import RetrievalTask, evaluate, market, rank_positives, score
from reseen.evaluate.task import DISTRACTOR, JUNK
from reseen.records import UNKNOWN_CAMERA, Features


def slow_reference(query, gallery, query_people, query_cameras, gallery_people, gallery_cameras):
    """The rules, one query and one gallery image at a time: (AP, first rank, last rank, positives)."""
    results = []
    for q in range(len(query)):
        ranked = []
        for g in range(len(gallery)):
            if gallery_people[g] == JUNK:
                continue
            right = gallery_people[g] == query_people[q] and query_people[q] > DISTRACTOR
            known = query_cameras[q] != UNKNOWN_CAMERA
            if right and known and gallery_cameras[g] == query_cameras[q]:
                continue
            ranked.append((-float(query[q] @ gallery[g]), right))
        ranked.sort()  # False before True: of equals, the wrong answer first
        ranks = [rank for rank, (_, right) in enumerate(ranked, start=1) if right]
        if ranks:
            precisions = [found / rank for found, rank in enumerate(ranks, start=1)]
            results.append((sum(precisions) / len(ranks), ranks[0], ranks[-1], len(ranks)))
        else:
            results.append(None)
    return results


def exact_rows(generator, count, dimension=16):
    """Unit rows of plus and minus 1/4: products are exact, so that ties are ties in any order of adding."""
    return generator.choice(np.float32([-0.25, 0.25]), size=(count, dimension))


def features(rows):
    return Features(torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32)))


@st.composite
def crowds(draw):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    queries, gallery = draw(st.integers(1, 12)), draw(st.integers(1, 60))
    people, cameras = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    distinct = draw(st.integers(1, 40))  # few distinct vectors, many ties
    shapes = exact_rows(generator, distinct)
    return (
        shapes[generator.integers(0, distinct, queries)],
        shapes[generator.integers(0, distinct, gallery)],
        generator.integers(JUNK, people, queries),
        generator.integers(UNKNOWN_CAMERA, cameras, queries),
        generator.integers(JUNK, people, gallery),
        generator.integers(UNKNOWN_CAMERA, cameras, gallery),
    )


def scored(query, gallery, *labels):
    return market(features(query), features(gallery), *labels)


@settings(max_examples=60)
@given(crowds())
def test_equals_the_definition(crowd):
    expected = slow_reference(*crowd)
    valid = [result for result in expected if result]
    if not valid:
        with pytest.raises(DataError, match="nothing to score"):
            scored(*crowd)
        return
    result = scored(*crowd)
    precision = [answer[0] if answer else np.nan for answer in expected]
    np.testing.assert_allclose(result.per_query_average_precision, precision, rtol=0, atol=1e-12)
    assert result.mean_average_precision == pytest.approx(np.nanmean(precision), abs=1e-12)
    for k, share in result.cmc.items():
        assert share == pytest.approx(np.mean([first <= k for _, first, _, _ in valid]), abs=1e-12)
    penalty = np.mean([positives / last for _, _, last, positives in valid])
    assert result.mean_inverse_negative_penalty == pytest.approx(penalty, abs=1e-12)
    assert (result.queries, result.valid_queries) == (len(expected), len(valid))
    assert result.gallery == int((crowd[4] != JUNK).sum())


@settings(max_examples=25)
@given(crowds(), st.integers(0, 2**32 - 1))
def test_order_of_files_changes_nothing(crowd, seed):
    query, gallery, query_people, query_cameras, gallery_people, gallery_cameras = crowd
    task = (features(query), query_people, query_cameras)
    order = np.random.default_rng(seed).permutation(len(gallery))
    try:
        before = evaluate(*task, features(gallery), gallery_people, gallery_cameras)
    except DataError:
        return
    after = evaluate(*task, features(gallery[order]), gallery_people[order], gallery_cameras[order])
    assert before.to_json() == after.to_json()
    np.testing.assert_array_equal(before.per_query_average_precision, after.per_query_average_precision)


@pytest.mark.parametrize("block", [1, 2, 100])
def test_blocks_and_many_positives_change_nothing(block, monkeypatch):
    """600 right answers take the binary search, 20 the scan; blocks of one query and of all are alike."""
    monkeypatch.setattr("reseen.evaluate.task._BLOCK_ROWS", block)
    generator = np.random.default_rng(0)
    query, gallery = exact_rows(generator, 5), exact_rows(generator, 1000)
    gallery_people = np.repeat([1, 2, 3, 0], [600, 20, 300, 80])
    crowd = (query, gallery, np.array([1, 2, 3, 1, 2]), np.zeros(5, int), gallery_people, np.ones(1000, int))
    expected = [answer[0] for answer in slow_reference(*crowd)]
    np.testing.assert_allclose(scored(*crowd).per_query_average_precision, expected, rtol=0, atol=1e-12)


def at_degrees(*degrees):
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_by_hand():
    """Query at 0 degrees; gallery at growing angles: wrong, right, junk, own camera, wrong, right."""
    result = scored(
        at_degrees(0),
        at_degrees(10, 20, 30, 40, 50, 60),
        np.array([7]),
        np.array([0]),
        np.array([0, 7, JUNK, 7, 8, 7]),
        np.array([0, 1, 1, 0, 0, 2]),
    )
    assert result.mean_average_precision == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert result.cmc == {1: 0.0, 5: 1.0, 10: 1.0}
    assert result.mean_inverse_negative_penalty == pytest.approx(2 / 4)
    assert result.gallery == 5


def test_tied_negative_ranks_above():
    crowd = (
        at_degrees(0),
        at_degrees(0, 0, 0),
        np.array([1]),
        np.array([0]),
        np.array([1, 2, 3]),
        np.ones(3, int),
    )
    assert scored(*crowd).mean_average_precision == pytest.approx(1 / 3)


def test_constant_encoder_earns_nothing():
    people = np.repeat(np.arange(1, 11), 10)
    same = np.tile(at_degrees(30), (100, 1))
    result = scored(same, same, people, np.zeros(100, int), people, np.ones(100, int))
    assert result.cmc[10] == 0
    assert result.mean_average_precision < 0.1


def test_unknown_cameras_are_never_the_same():
    people, unknown = np.array([1]), np.array([UNKNOWN_CAMERA])
    result = scored(at_degrees(0), at_degrees(0), people, unknown, people, unknown)
    assert result.mean_average_precision == 1
    assert result.valid_queries == 1


def test_query_without_answer_is_skipped_not_zero():
    result = scored(
        at_degrees(0, 0, 0),
        at_degrees(5),
        np.array([1, 2, DISTRACTOR]),
        np.zeros(3, int),
        np.array([1]),
        np.ones(1, int),
    )
    assert (result.queries, result.valid_queries) == (3, 1)
    assert result.mean_average_precision == 1
    assert np.isnan(result.per_query_average_precision[1:]).all()


def test_distractors_are_nobodys_match():
    task = RetrievalTask(
        features(at_degrees(0)),
        features(at_degrees(0)),
        *(np.array([v]) for v in (DISTRACTOR, 0, DISTRACTOR, 1)),
    )
    assert task.positive_counts.tolist() == [0]
    assert len(rank_positives(task).ranks) == 0


def test_all_matches_under_one_camera_says_so():
    people, camera = np.array([1, 2]), np.zeros(2, int)
    with pytest.raises(
        DataError, match=r"2 of 2 queries .* query's own camera \(camera 0\).*leave the cameras unknown"
    ):
        scored(at_degrees(0, 90), at_degrees(0, 90), people, camera, people, camera)


def test_strangers_only_says_so():
    with pytest.raises(DataError, match=r"none of the 1 queries has its person among the 1 gallery images"):
        scored(at_degrees(0), at_degrees(0), np.array([1]), np.array([0]), np.array([2]), np.array([1]))


def test_empty_sides_say_so():
    nothing, one, none = np.zeros((0, 2)), at_degrees(0), np.zeros(0, int)
    with pytest.raises(DataError, match="the query has no images"):
        scored(nothing, one, none, none, np.array([1]), np.array([0]))
    with pytest.raises(DataError, match="the gallery has no images"):
        scored(one, nothing, np.array([1]), np.array([0]), none, none)
    with pytest.raises(DataError, match=r"the gallery has no images \(junk"):
        scored(one, one, np.array([1]), np.array([0]), np.array([JUNK]), np.array([0]))


def test_misfits_say_so():
    one, three = np.array([1]), np.array([1, 2, 3])
    with pytest.raises(DataError, match="gallery: expected one identity and one camera per feature row"):
        scored(at_degrees(0), at_degrees(0), one, one, three, one)
    with pytest.raises(DataError, match="from one encoder, found 2 and 16 dimensions"):
        scored(at_degrees(0), exact_rows(np.random.default_rng(0), 1), one, one, one, one)
    with pytest.raises(DataError, match=r"query: identities are 1 and up.*found -3"):
        scored(at_degrees(0), at_degrees(0), np.array([-3]), one, one, one)
    with pytest.raises(DataError, match=r"gallery: cameras are 0 and up.*found -2"):
        scored(at_degrees(0), at_degrees(0), one, one, one, np.array([-2]))


def test_json_names_rules_and_holds_shares():
    people = np.array([1])
    values = score(
        RetrievalTask(
            features(at_degrees(0)), features(at_degrees(0)), people, np.array([0]), people, np.array([1])
        )
    ).to_json()
    assert values["protocol"] == "market"
    assert values["mAP"] == values["mINP"] == values["cmc"]["1"] == 1.0
    assert values["rules"]["average_precision"] == "step"
    assert "wrong answer" in values["rules"]["ties"]


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
