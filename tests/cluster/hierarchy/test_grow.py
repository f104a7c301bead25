import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, is_valid_linkage
from scipy.cluster.hierarchy import linkage as scipy_linkage
from sklearn.metrics import adjusted_rand_score

from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.cluster.hierarchy.partition import Partition
from reseen.errors import ClusteringError, SettingsError

ONE_BY_ONE = {"share": None, "stop": "clusters", "clusters": 1}


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def mixture(rows, people=8, dimension=12, spread=0.6, seed=0):
    generator = np.random.default_rng(seed)
    truth = np.arange(rows) % people
    centers = generator.normal(size=(people, dimension))
    return unit(centers[truth] + spread * generator.normal(size=(rows, dimension))), truth


@pytest.mark.parametrize(
    ("settings_", "method", "height"),
    [
        ({"linkage": "average", "metric": "euclidean", "regularizer": "none"}, "average", lambda cost: cost),
        ({"linkage": "single", "metric": "euclidean", "regularizer": "none"}, "single", lambda cost: cost),
        ({"linkage": "none", "regularizer": "ward", "weight": 1.0}, "ward", lambda cost: np.sqrt(2 * cost)),
    ],
)
def test_one_pair_at_a_time_is_scipys_tree(settings_, method, height):
    vectors, _ = mixture(80)
    matrix = grow_hierarchy(vectors, HierarchySettings(**settings_, **ONE_BY_ONE)).linkage_matrix()
    expected = scipy_linkage(vectors.astype(np.float64), method)
    assert np.allclose(height(matrix[:, 2]), expected[:, 2], atol=1e-6)
    assert np.array_equal(matrix[:, 3], expected[:, 3])
    matrix[:, 2] = height(matrix[:, 2])
    for count in (2, 7, 20):
        ours, theirs = (fcluster(tree, count, "maxclust") for tree in (matrix, expected))
        assert adjusted_rand_score(ours, theirs) == 1


def test_squared_average_linkage_is_scipys_on_squared_distances():
    vectors, _ = mixture(80)
    rows = vectors.astype(np.float64)
    squared = [
        float((rows[i] - rows[j]) @ (rows[i] - rows[j])) for i, j in itertools.combinations(range(80), 2)
    ]
    found = grow_hierarchy(vectors, HierarchySettings(regularizer="none", **ONE_BY_ONE)).linkage_matrix()
    assert np.allclose(found[:, 2], scipy_linkage(squared, "average")[:, 2], atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "share", "steps", "left"), [(12936, 0.07, 13, 1171), (12936, 0.05, 18, 1308)]
)
def test_the_schedules_of_the_parents_end_where_they_are_known_to(rows, share, steps, left):
    # HCT's 1171 clusters and BUC's last trained 1308 on Market-1501; two dimensions are enough to count.
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, rows)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = grow_hierarchy(vectors, HierarchySettings(share=share, steps=steps, merge="chain"))
    assert list(found.cluster_counts[:2]) == [12936, 12936 - int(12936 * share)]
    assert found.cluster_counts[-1] == found.labels.cluster_count == left


def test_every_step_coarsens_the_one_before_and_loses_no_row():
    vectors, _ = mixture(120)
    found = grow_hierarchy(vectors, HierarchySettings(share=0.1, steps=8))
    merges = 120 - found.cluster_counts
    before = None
    for count, clusters in zip(merges.tolist(), found.cluster_counts.tolist(), strict=True):
        labels = found.labels_after(count).labels
        assert len(labels) == 120
        assert set(labels.tolist()) == set(range(clusters))
        if before is not None:  # a cluster of the step before lies within one of this
            assert len({(int(a), int(b)) for a, b in zip(before, labels, strict=True)}) == before.max() + 1
        before = labels


@pytest.mark.parametrize("engine", ["search", "dense"])
def test_the_order_of_rows_decides_nothing(engine):
    vectors, _ = mixture(150)
    order = np.random.default_rng(1).permutation(150)
    chosen = HierarchySettings(engine=engine)
    one, other = grow_hierarchy(vectors, chosen), grow_hierarchy(vectors[order], chosen)
    assert adjusted_rand_score(one.labels.labels[order], other.labels.labels) == 1


def test_what_one_camera_multiplies_matters_to_raw_features_alone():
    vectors, _ = mixture(90)
    scaled = vectors.copy()
    scaled[::3] *= 3
    on_sphere, raw = HierarchySettings(), HierarchySettings(feature="raw")
    assert np.array_equal(
        grow_hierarchy(vectors, on_sphere).labels.labels, grow_hierarchy(scaled, on_sphere).labels.labels
    )
    assert not np.array_equal(
        grow_hierarchy(vectors, raw).labels.labels, grow_hierarchy(scaled, raw).labels.labels
    )


def test_a_heavy_regularizer_joins_lone_rows_first():
    vectors, _ = mixture(64)
    found = grow_hierarchy(vectors, HierarchySettings(weight=1e6, share=None, stop="clusters", clusters=32))
    assert np.bincount(found.labels.labels).tolist() == [2] * 32


def test_sphere_with_squares_finds_people_better_than_sphere_and_than_raw_single_linkage():
    generator = np.random.default_rng(0)
    truth = np.repeat(np.arange(50), generator.geometric(0.07, 50).clip(3, 60))
    camera = generator.integers(4, size=len(truth))
    vectors = generator.normal(size=(50, 32))[truth] + 0.9 * generator.normal(size=(len(truth), 32))
    vectors *= ((1 + 0.3 * camera) * np.exp(0.3 * generator.normal(size=len(truth))))[:, None]
    vectors = (vectors / np.sqrt((vectors**2).sum(axis=1).mean())).astype(np.float32)

    def score(**chosen):
        found = grow_hierarchy(vectors, HierarchySettings(linkage="single", merge="chain", **chosen))
        return adjusted_rand_score(truth, found.labels.labels)

    raw, sphere = score(feature="raw", regularizer="none"), score(regularizer="none")
    regularized = score(regularizer="sse", weight=0.01)
    assert regularized > sphere + 0.2
    assert sphere > raw + 0.2


def test_groups_start_as_clusters_and_the_schedule_counts_them():
    vectors, _ = mixture(60)
    groups = np.arange(60) // 3
    found = grow_hierarchy(vectors, HierarchySettings(share=0.1, steps=2), groups)
    assert list(found.cluster_counts) == [20, 18, 16]
    labels = found.labels.labels.reshape(20, 3)
    assert (labels == labels[:, :1]).all()


def test_merging_stops_at_a_distance_on_either_side_of_it():
    vectors, _ = mixture(60)
    chosen = {"regularizer": "none", "share": None, "stop": "distance", "distance": 0.4}
    found = grow_hierarchy(vectors, HierarchySettings(**chosen))
    assert found.cost.max() <= 0.4
    whole = grow_hierarchy(vectors, HierarchySettings(**{**chosen, "stop": "clusters"}))
    assert whole.cost[len(found.cost)] > 0.4
    nothing = grow_hierarchy(vectors, HierarchySettings(**{**chosen, "distance": 0.0}))
    assert nothing.labels.cluster_count == 60


@given(st.integers(0, 99), st.integers(2, 30), st.integers(2, 6))
@settings(max_examples=40)
def test_sums_of_squares_are_those_of_the_identities(seed, rows, clusters):
    generator = np.random.default_rng(seed)
    vectors = unit(generator.normal(size=(rows, 5)))
    groups = generator.integers(clusters, size=rows)
    partition = Partition.starting_with(vectors, groups)
    names = partition.alive
    double = vectors.astype(np.float64)
    for name, error, mean in zip(names, partition.square_errors(names), partition.means(names), strict=True):
        members = double[partition.owner == name]
        count = len(members)
        assert error == pytest.approx(((members - members.mean(axis=0)) ** 2).sum(), abs=1e-9)
        assert error == pytest.approx(((members[:, None] - members[None]) ** 2).sum() / (2 * count), abs=1e-9)
        assert error == pytest.approx(count * (1 - mean @ mean), abs=1e-5)
        assert 0 <= error <= count + 1e-6
    if len(names) > 1:
        a, b = names[:2]
        before = partition.square_errors(names[:2]).sum()
        apart = ((partition.means(names[:1]) - partition.means(names[1:2])) ** 2).sum()
        increment = (
            partition.counts[a] * partition.counts[b] / (partition.counts[a] + partition.counts[b]) * apart
        )
        target = np.arange(rows)
        target[b] = a
        partition.merge(target)
        assert partition.square_errors(names[:1])[0] == pytest.approx(before + increment, abs=1e-9)


def test_the_tree_of_one_cluster_is_its_own():
    vectors, _ = mixture(60, people=5, spread=0.2)
    found = grow_hierarchy(
        vectors, HierarchySettings(regularizer="none", share=None, stop="clusters", clusters=5)
    )
    members = np.flatnonzero(found.labels.labels == 2)
    alone = grow_hierarchy(vectors[members], HierarchySettings(regularizer="none", **ONE_BY_ONE))
    assert np.allclose(found.linkage_matrix(members), alone.linkage_matrix(), atol=1e-9)
    with pytest.raises(ValueError, match="5 clusters at the end"):
        found.linkage_matrix()
    with pytest.raises(ValueError, match="part of a larger cluster"):
        found.linkage_matrix(members[:-1])


def test_scipy_takes_the_tree_over_groups():
    vectors, _ = mixture(20)
    found = grow_hierarchy(vectors, HierarchySettings(**ONE_BY_ONE), np.arange(20) // 4).linkage_matrix()
    assert is_valid_linkage(found)
    assert found.shape == (4, 4)
    assert found[-1, 3] == 5


@pytest.mark.parametrize("engine", ["search", "dense"])
def test_many_copies_merge_in_row_order_and_end(engine):
    vectors = np.tile(unit(np.random.default_rng(0).normal(size=(2, 6))), (200, 1))
    found = grow_hierarchy(vectors, HierarchySettings(engine=engine, share=0.2, stop="clusters", clusters=2))
    assert np.array_equal(found.labels.labels, np.arange(400) % 2)


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_merge(count):
    vectors, _ = mixture(8)
    assert grow_hierarchy(vectors[:count], HierarchySettings()).labels.cluster_count == count


def test_more_merges_than_rows_end_at_one_cluster():
    vectors, _ = mixture(8)
    assert grow_hierarchy(vectors, HierarchySettings(share=1.0, steps=50)).labels.cluster_count == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: rows[2].fill(0),
            "1 rows are zero vectors, which cannot be normalized, the first is row 2",
        ),
        (lambda rows: rows[1].fill(np.nan), "1 rows contain NaN or infinite values, the first is row 1"),
        (lambda rows: rows[3, :1].fill(np.inf), "1 rows contain NaN or infinite values, the first is row 3"),
    ],
)
def test_rows_that_cannot_be_clustered(change, message):
    vectors, _ = mixture(8)
    change(vectors)
    with pytest.raises(ClusteringError, match=message):
        grow_hierarchy(vectors, HierarchySettings())


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_weight_beyond_numbers_is_an_error():
    vectors, _ = mixture(30)
    with pytest.raises(ClusteringError, match="a merge cost is not finite; lower the weight"):
        grow_hierarchy(vectors, HierarchySettings(regularizer="size", weight=1e308))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"metric": "cosine", "feature": "raw"}, "metric cosine needs feature sphere"),
        ({"linkage": "none"}, "linkage none needs the regularizer sse_union or ward"),
        ({"engine": "search", "metric": "euclidean"}, "needs all pairs"),
        ({"share": 0}, "share"),
    ],
)
def test_settings_that_do_not_fit_together(values, message):
    with pytest.raises(SettingsError, match=message):
        HierarchySettings.parse(values, "x")
