import numpy as np
import pytest

from reseen.audit import AuditScores, best_index, measure, round_scores, should_stop, silhouette
from reseen.records import PseudoLabels


def test_it_is_the_geometric_mean_of_what_is_known():
    assert AuditScores(0.8, 0.1, 0.1).score == pytest.approx(0.008 ** (1 / 3))
    assert AuditScores(0.5, 0.5, None).score == pytest.approx(0.5)
    assert AuditScores(None, 0.5, 0.5).score is None
    assert AuditScores(0.9, -0.2, 0.9).score == 0


def test_noise_counts_against_compactness(people):
    features, labels = people()
    noisy = labels.labels.copy()
    noisy[noisy == labels.cluster_count - 1] = -1
    cut = PseudoLabels(noisy)
    parts = measure(features, cut, None, 1.0)
    assert parts.compactness == pytest.approx(np.nansum(silhouette(features, cut)) / len(cut))
    assert parts.camera_mixing is None


def test_better_clusters_score_higher(people):
    features, labels = people()
    generator = np.random.default_rng(0)
    cameras = generator.integers(0, 3, len(labels))
    mixed = labels.labels.copy()
    wrong = generator.permutation(len(mixed))[:40]
    mixed[wrong] = generator.permutation(mixed[wrong])
    good, bad = (measure(features, one, cameras, 0.9).score for one in (labels, PseudoLabels(mixed)))
    assert good > bad


def row(agreement, compactness):
    return {"agreement": agreement, "compactness": compactness, "camera_mixing": None}


def test_rounds_are_scored_from_the_log():
    scores = round_scores([row(None, 0.2), row(0.4, 0.4), row(0.9, 0.9), {"clusters": 3}])
    assert scores == [None, pytest.approx(0.4), pytest.approx(0.9), None]
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
