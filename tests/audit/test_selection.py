import pytest

from reseen.audit import best_index, round_scores, should_stop


def test_rounds_are_scored_from_the_log():
    scores = round_scores(
        [{"audit_score": None}, {"audit_score": 0.4}, {"audit_score": 0.9}, {"clusters": 3}]
    )
    assert scores == [None, 0.4, 0.9, None]
    assert best_index(scores) == 2
    assert best_index([None, None]) is None
    assert best_index([0.5, 0.5]) == 0


def test_training_stops_when_the_best_is_long_past():
    assert not should_stop([], 1)
    assert not should_stop([None, 0.5, 0.4], 2)
    assert should_stop([None, 0.5, 0.4, 0.45], 2)
    assert not should_stop([None, 0.5, 0.4, 0.6], 2)
    with pytest.raises(ValueError, match="at least 1"):
        should_stop([0.5], 0)
