import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reseen.cluster import Constraints, constrain
from reseen.errors import DataError
from reseen.geometry import unit
from reseen.records import Features, PseudoLabels, contiguous


def pairs(*given):
    return np.array(given, dtype=np.int64).reshape(-1, 2)


def on_circle(*degrees):
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return Features(torch.stack([angles.cos(), angles.sin()], dim=1).float())


def constrained(features, labels, must=(), cannot=()):
    limits = Constraints(pairs(*must), pairs(*cannot), len(labels))
    return constrain(features, PseudoLabels(np.array(labels)), limits)


LINE = on_circle(0, 10, 20, 80, 90, 100)


def test_a_link_merges_two_clusters():
    labels, counts = constrained(LINE, [0, 0, 0, 1, 1, 2], must=[(0, 5)])
    assert labels.labels.tolist() == [0, 0, 0, 1, 1, 0]
    assert counts == (1, 0)


def test_a_link_takes_noise_into_a_cluster_and_noise_alone_becomes_one():
    assert constrained(LINE, [0, 0, -1, 1, 1, -1], must=[(1, 2)])[0].labels.tolist() == [0, 0, 0, 1, 1, -1]
    assert constrained(LINE, [0, 0, -1, 1, 1, -1], must=[(2, 5)])[0].labels.tolist() == [0, 0, 1, 2, 2, 1]


def test_a_bar_splits_a_cluster_by_who_is_nearer():
    labels, counts = constrained(LINE, [0, 0, 0, 0, 0, 0], cannot=[(0, 5)])
    assert labels.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert counts == (0, 1)


def test_what_is_linked_goes_together():
    labels, _ = constrained(LINE, [0, 0, 0, 0, 0, 0], must=[(1, 3), (1, 4)], cannot=[(0, 5)])
    assert labels.labels[1] == labels.labels[3] == labels.labels[4] == labels.labels[5] != labels.labels[0]


def test_three_that_cannot_be_together_are_three_parts():
    labels, counts = constrained(LINE, [0] * 6, cannot=[(0, 2), (0, 5), (2, 5)])
    assert labels.cluster_count == 3
    assert counts == (0, 2)


def test_a_bar_between_clusters_or_into_noise_changes_nothing():
    labels = [0, 0, 0, 1, 1, -1]
    assert constrained(LINE, labels, cannot=[(0, 3), (0, 5)])[0].labels.tolist() == labels


def test_answers_that_contradict_each_other_say_which():
    with pytest.raises(DataError, match="a and c are marked as different people"):
        Constraints(pairs((0, 1), (1, 2)), pairs((0, 2)), 3, ("a", "b", "c"))


def test_constraints_of_other_rows_are_refused():
    with pytest.raises(ValueError, match="for 3 rows, but 6 labels"):
        constrain(LINE, PseudoLabels(np.zeros(6, np.int64)), Constraints(pairs(), pairs(), 3))


@given(st.integers(0, 10**6))
def test_every_answer_is_obeyed_and_clusters_without_answers_stay(seed):
    generator = np.random.default_rng(seed)
    n = 24
    features = Features(unit(torch.from_numpy(generator.normal(size=(n, 4)).astype(np.float32))))
    before = contiguous(generator.integers(-1, 5, n))
    person = generator.integers(0, 6, n)  # answers of somebody who knows: they cannot contradict each other
    asked = generator.integers(0, n, (8, 2))
    asked = asked[asked[:, 0] != asked[:, 1]]
    same = person[asked[:, 0]] == person[asked[:, 1]]
    limits = Constraints(asked[same], asked[~same], n)
    after = constrain(features, before, limits)[0].labels
    for first, second in asked[same].tolist():
        assert after[first] == after[second] >= 0
    for first, second in asked[~same].tolist():
        assert after[first] != after[second] or after[first] == -1
    touched = np.unique(before.labels[asked.reshape(-1)])
    alone = ~np.isin(before.labels, touched) & (before.labels >= 0)
    for cluster in np.unique(before.labels[alone]):
        rows = np.flatnonzero(before.labels == cluster)
        assert set(np.flatnonzero(after == after[rows[0]])) == set(rows)
