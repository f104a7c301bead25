"""Suggestions against a comparison of every pair: no threshold, and answers change the ranking."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.gallery.collection import build_collection
from reseen.gallery.edits.pair_constraints import PairConstraints
from reseen.gallery.entries import Entry
from reseen.viewer.clusters import Clusters
from reseen.viewer.edits.suggestions import suggest
from reseen.viewer.viewer import Snapshot

NOTHING = PairConstraints((), ())


def make_snapshot(clusters, seed=0, dimension=6):
    rows = np.random.default_rng(seed).standard_normal((len(clusters), dimension)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    entries = [Entry("/x", f"{row:04d}.jpg", cluster=cluster) for row, cluster in enumerate(clusters)]
    collection = build_collection(entries, rows)
    return Snapshot(1, collection, Clusters(collection))


LABELS = st.lists(st.sampled_from([None, -1, 0, 1, 2, 3, 7]), min_size=1, max_size=25)


@given(LABELS, st.integers(0, 9), st.integers(1, 30))
def test_each_list_is_the_best_of_all_candidates(labels, seed, count):
    snapshot = make_snapshot(labels, seed)
    found = suggest(snapshot, NOTHING, count)
    clusters, vectors = snapshot.clusters.all(), snapshot.collection.vectors
    merges = sorted(
        (float(one.center @ other.center) for i, one in enumerate(clusters) for other in clusters[:i]),
        reverse=True,
    )
    assert found.merges.total == len(merges)
    np.testing.assert_allclose([one.similarity for one in found.merges.best], merges[:count], atol=1e-5)
    loose = [row for row, label in enumerate(labels) if label is None or label < 0]
    near = sorted(
        (max(float(vectors[row] @ one.center) for one in clusters) for row in loose if clusters), reverse=True
    )
    assert found.additions.total == len(near)
    np.testing.assert_allclose([one.similarity for one in found.additions.best], near[:count], atol=1e-5)
    assert all(one.current is None for one in found.additions.best)
    gains = [one.similarity - one.current_similarity for one in found.reassignments.best]
    assert gains == sorted(gains, reverse=True)
    assert all(gain > 0 for gain in gains)
    assert len(gains) == min(count, found.reassignments.total)
    assert all(one.current is not one.target for one in found.reassignments.best)


def test_the_most_similar_pair_is_offered_even_if_it_is_far_away():
    """Opposite clusters: a threshold would leave nothing."""
    rows = np.array([[1, 0], [1, 0], [-1, 0], [-1, 0]], np.float32)
    entries = [Entry("/x", f"{row}.jpg", cluster=row // 2) for row in range(4)]
    collection = build_collection(entries, rows)
    found = suggest(Snapshot(1, collection, Clusters(collection)), NOTHING, 5)
    assert [(one.one.number, one.other.number, one.similarity) for one in found.merges.best] == [(0, 1, -1.0)]


def test_a_rejected_pair_is_left_out_and_the_next_moves_up():
    snapshot = make_snapshot([0, 0, 1, 1, 2, 2, 3, 3])
    before = suggest(snapshot, NOTHING, 6).merges
    first = before.best[0]
    keys = tuple(snapshot.collection.keys[int(cluster.rows[0])] for cluster in (first.one, first.other))
    after = suggest(snapshot, PairConstraints((), (keys,)), 6).merges
    assert after.total == before.total - 1
    assert after.best == before.best[1:]


def test_an_answer_same_puts_the_least_similar_pair_first():
    snapshot = make_snapshot([0, 0, 1, 1, 2, 2, 3, 3])
    before = suggest(snapshot, NOTHING, 6).merges
    last = before.best[-1]
    keys = tuple(snapshot.collection.keys[int(cluster.rows[-1])] for cluster in (last.one, last.other))
    after = suggest(snapshot, PairConstraints((keys,), ()), 6).merges
    assert after.best[0].answered
    assert {after.best[0].one.number, after.best[0].other.number} == {last.one.number, last.other.number}
    assert after.best[0].similarity == pytest.approx(last.similarity, abs=1e-5)
    assert after.best[1:] == before.best[:-1]


@pytest.mark.parametrize("kind", ["additions", "reassignments"])
def test_a_crop_that_does_not_belong_to_its_nearest_cluster_is_compared_with_the_next(kind):
    labels = [0, 0, 1, 1, 2, 2, 3, 3, None if kind == "additions" else 0]
    snapshot = make_snapshot(labels, seed=4, dimension=3)
    crop = snapshot.collection.rows[snapshot.collection.keys[8]]
    key = snapshot.collection.keys[8]
    similarity = snapshot.clusters.centers @ snapshot.collection.vectors[crop]
    own = None if kind == "additions" else 0
    order = [number for number in np.argsort(-similarity).tolist() if number != own]
    for place, number in enumerate(order):
        rejected = tuple(
            (key, snapshot.collection.keys[int(snapshot.clusters[other].rows[0])]) for other in order[:place]
        )
        found = getattr(suggest(snapshot, PairConstraints((), rejected), 9), kind).best
        target = [one.target.number for one in found if one.row == crop]
        better = own is None or similarity[number] > similarity[own]
        assert target == ([number] if better else [])


def test_without_clusters_there_is_nothing_to_suggest():
    found = suggest(make_snapshot([None, -1, None]), NOTHING, 5)
    assert [(ranked.best, ranked.total) for ranked in found] == [([], 0)] * 3
