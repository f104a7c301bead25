"""Trees to draw: of all rows, with heights that never fall, and told where they differ."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import is_monotonic, is_valid_linkage, linkage

from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy, most_merges, whole_tree


def mixture(rows, people=3, dimension=8, seed=0):
    generator = np.random.default_rng(seed)
    centers = generator.normal(size=(people, dimension))
    found = centers[np.arange(rows) % people] + 0.5 * generator.normal(size=(rows, dimension))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def test_plain_average_linkage_is_scipys_tree():
    vectors = mixture(25)
    tree = whole_tree(vectors, HierarchySettings(regularizer="none", metric="euclidean"), 25)
    assert tree.matrix[:, 2] == pytest.approx(linkage(vectors, "average")[:, 2], abs=1e-4)
    assert tree.note == ""
    assert tree.leaves.tolist() == list(range(25))


def test_the_regularizer_stays_where_heights_only_rise():
    tree = whole_tree(mixture(30), HierarchySettings(weight=0.05), 30)
    assert tree.settings.regularizer == "sse"
    assert tree.note == ""
    assert is_monotonic(tree.matrix)


ALONE = {"linkage": "average", "regularizer": "none"}


@pytest.mark.parametrize(
    ("linkage", "regularizer", "seed", "expected", "words"),
    [
        ("energy", "ward", 3, {"linkage": "energy", "regularizer": "none"}, "without the regularizer ward"),
        ("centroid", "none", 1, ALONE, "average linkage only, since with centroid linkage"),
        ("energy", "size", 1, ALONE, "average linkage only, since with energy linkage"),
    ],
)
def test_heights_that_would_fall_are_not_drawn_and_it_is_said(linkage, regularizer, seed, expected, words):
    vectors = mixture(20, people=20, dimension=3, seed=seed)
    chosen = HierarchySettings(linkage=linkage, regularizer=regularizer, weight=0.05)
    one_by_one = chosen.model_copy(update={"share": None, "stop": "clusters"})
    assert not is_monotonic(grow_hierarchy(vectors, one_by_one).linkage_matrix())
    tree = whole_tree(vectors, chosen, 20)
    assert {key: getattr(tree.settings, key) for key in expected} == expected
    assert words in tree.note
    assert is_monotonic(tree.matrix)


def test_more_rows_than_leaves_are_joined_first():
    vectors = mixture(50)
    tree = whole_tree(vectors, HierarchySettings(), 12)
    assert is_valid_linkage(tree.matrix)
    assert tree.matrix.shape == (11, 4)
    assert np.unique(tree.leaves).tolist() == list(range(12))
    assert tree.matrix[-1, 3] == 12
    stopped = grow_hierarchy(vectors, HierarchySettings(stop="clusters", clusters=12))
    assert np.array_equal(tree.leaves, stopped.labels.labels)


@pytest.mark.parametrize("count", [1, 2])
def test_hardly_any_rows(count):
    assert whole_tree(mixture(count), HierarchySettings(), 9).matrix.shape == (count - 1, 4)


@pytest.mark.parametrize(
    "values",
    [
        {"steps": 4},
        {"stop": "clusters", "clusters": 7},
        {"stop": "clusters", "clusters": 7, "share": None},
        {"stop": "clusters", "clusters": 7, "share": None, "regularizer": "none"},
        {"stop": "distance", "distance": 0.4},
        {"stop": "auto"},
    ],
)
def test_progress_counts_merges_and_never_passes_the_number_told(values):
    told, chosen = [], HierarchySettings(**values)
    grown = grow_hierarchy(mixture(60), chosen, progress=told.append)
    assert min(told) > 0
    assert len(grown.cost) <= sum(told) <= most_merges(60, chosen)
    if values in ({"steps": 4}, {"stop": "clusters", "clusters": 7}):
        assert sum(told) == most_merges(60, chosen)


@pytest.mark.parametrize("most", [30, 8])
def test_a_cluster_made_of_shared_neighbors_is_drawn_by_distances(most):
    shared = HierarchySettings(metric="jaccard", regularizer="none")
    tree = whole_tree(mixture(30), shared, most)
    plain = whole_tree(mixture(30), HierarchySettings(regularizer="none"), most)
    assert np.array_equal(tree.matrix, plain.matrix)
    assert "drawn with squared Euclidean distances" in tree.note


def test_at_most_all_clusters_but_one_are_absorbed():
    assert [most_merges(count, HierarchySettings(stop="distance", distance=0.4)) for count in (0, 1, 60)] == [
        0,
        0,
        59,
    ]
