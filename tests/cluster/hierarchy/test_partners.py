import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.cluster.hierarchy import inverted_lists as lists
from reseen.cluster.hierarchy import settings as settings_module
from reseen.cluster.hierarchy.cost import MergeCost
from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.partners import CheapestPartners
from reseen.errors import ClusteringError, SettingsError

APPROXIMATE = HierarchySettings(engine="approximate")


def mixture(rows, people, dimension=32, spread=0.6, seed=0):
    generator = np.random.default_rng(seed)
    truth = np.arange(rows) % people
    vectors = generator.normal(size=(people, dimension))[truth]
    vectors = vectors + spread * generator.normal(size=(rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def crowd():
    return mixture(5000, 300)


@pytest.fixture(scope="module")
def found(crowd):
    return grow_hierarchy(crowd, APPROXIMATE)


def test_clusters_are_nearly_those_of_the_exact_search(crowd, found):
    exact = grow_hierarchy(crowd, HierarchySettings(engine="search"))
    assert exact.notes == ()
    assert np.array_equal(exact.cluster_counts, found.cluster_counts)
    assert adjusted_rand_score(exact.labels.labels, found.labels.labels) >= 0.98


def test_a_note_says_that_the_search_was_approximate(found):
    assert found.notes == (
        "approximate search: 5,000 initial clusters, in 282 inverted lists, of which a search probes 48; "
        "missed pairs merge later or not at all",
    )


def test_the_same_rows_give_the_same_merges(crowd, found):
    again = grow_hierarchy(crowd, APPROXIMATE)
    assert np.array_equal(again.first, found.first)
    assert np.array_equal(again.second, found.second)


def test_what_merges_merges_at_its_true_cost(crowd, found):
    early = found.step == 1
    one, other = crowd[found.first[early]].astype(float), crowd[found.second[early]].astype(float)
    assert np.allclose(found.cost[early], ((one - other) ** 2).sum(axis=1), atol=1e-6)


def test_a_search_finds_most_of_the_cheapest_partners(crowd):
    partition, cost = Partition(crowd), MergeCost(APPROXIMATE)
    asked = np.arange(0, len(crowd), 7)
    exact, _ = CheapestPartners(partition, cost).search(asked, 16)
    near, costs = CheapestPartners(partition, cost, approximate=True).search(asked, 16)
    assert (np.diff(costs, axis=1) >= 0).all()
    assert not (near == asked[:, None]).any()
    same = (near[:, :, None] == exact[:, None, :]).any(axis=2)
    assert same.mean() > 0.85
    assert (near[:, 0] == exact[:, 0]).mean() > 0.9


@given(
    rows=st.integers(2, 80),
    people=st.integers(1, 6),
    seed=st.integers(0, 99),
    share=st.sampled_from([0.03, 0.3, 1.0]),
    linkage=st.sampled_from(["average", "centroid", "energy"]),
    copies=st.booleans(),
)
@settings(max_examples=60)
def test_merging_ends_at_one_cluster_however_little_a_search_sees(rows, people, seed, share, linkage, copies):
    vectors = mixture(rows, people, 5, seed=seed)
    if copies:
        vectors = np.repeat(vectors, 2, axis=0)
    chosen = HierarchySettings(engine="approximate", share=share, stop="clusters", linkage=linkage)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "_LEAST_GAIN", 0)
        patch.setattr(lists, "_PROBES", 1)
        assert grow_hierarchy(vectors, chosen).labels.cluster_count == 1


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_merge(count):
    assert grow_hierarchy(mixture(8, 2)[:count], APPROXIMATE).labels.cluster_count == count


def test_groups_and_raw_features_can_be_searched_approximately():
    vectors, groups = mixture(900, 40), np.arange(900) // 2 * 2
    chosen = {"feature": "raw", "regularizer": "size", "weight": 0.001}
    exact = grow_hierarchy(3 * vectors, HierarchySettings(**chosen), groups)
    near = grow_hierarchy(3 * vectors, HierarchySettings(**chosen, engine="approximate"), groups)
    assert adjusted_rand_score(exact.labels.labels, near.labels.labels) > 0.95
    assert "450 initial clusters" in near.notes[0]


def test_auto_is_approximate_above_a_size_where_it_can_be(crowd, monkeypatch):
    monkeypatch.setattr(settings_module, "EXACT_UP_TO", 400)
    assert grow_hierarchy(crowd[:400], HierarchySettings()).notes == ()
    assert grow_hierarchy(crowd[:401], HierarchySettings()).notes[0].startswith("approximate search: 401")
    assert grow_hierarchy(crowd[:401], HierarchySettings(engine="search")).notes == ()
    assert grow_hierarchy(crowd[:401], HierarchySettings(linkage="single")).notes == ()
    both = grow_hierarchy(crowd[:401], HierarchySettings(stop="auto")).notes
    assert [note.partition(":")[0] for note in both] == ["approximate search", "auto"]


@pytest.mark.parametrize(
    "values",
    [
        {"linkage": "single"},
        {"linkage": "none", "regularizer": "ward"},
        {"metric": "euclidean", "linkage": "centroid"},
        {"regularizer": "sse_union"},
        {"share": None},
    ],
)
def test_costs_that_are_no_inner_products_cannot_be_searched_approximately(values):
    with pytest.raises(SettingsError, match="engine approximate needs a share, and costs that are"):
        HierarchySettings.parse({**values, "engine": "approximate"}, "x")


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_weight_beyond_numbers_is_an_error():
    with pytest.raises(ClusteringError, match="a merge cost is not finite"):
        grow_hierarchy(
            mixture(100, 5), HierarchySettings(engine="approximate", regularizer="size", weight=1e308)
        )
