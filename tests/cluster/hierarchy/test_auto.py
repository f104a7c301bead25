import re

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.cluster.hierarchy.grow import most_merges
from reseen.errors import SettingsError

AUTO = HierarchySettings(stop="auto")


def mixture(sizes, dimension=48, spread=0.6, seed=0):
    generator = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    vectors = generator.normal(size=(len(sizes), dimension))[truth]
    vectors = vectors + spread * generator.normal(size=(len(truth), dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), truth


@pytest.mark.parametrize("people", [4, 15, 40])
def test_it_finds_about_as_many_clusters_as_there_are_people(people):
    sizes = np.random.default_rng(people).geometric(0.1, people).clip(3, 40)
    vectors, truth = mixture(sizes)
    found = grow_hierarchy(vectors, AUTO)
    assert adjusted_rand_score(truth, found.labels.labels) > 0.95
    assert abs(found.labels.cluster_count - people) <= max(1, 0.1 * people)
    assert found.notes[0].startswith(
        f"auto: {found.labels.cluster_count} clusters, where clusterings of half of the dimensions agree"
    )
    assert "the next" in found.notes[0]
    agreement = float(re.search(r"adjusted Rand index ([0-9.]+),", found.notes[0])[1])
    assert 0.5 < agreement <= 1


def test_the_same_rows_in_another_order_give_the_same_clusters():
    vectors, _ = mixture([9] * 12, spread=0.8)
    order = np.random.default_rng(1).permutation(len(vectors))
    one, other = grow_hierarchy(vectors, AUTO), grow_hierarchy(vectors[order], AUTO)
    assert one.notes == other.notes
    assert adjusted_rand_score(one.labels.labels[order], other.labels.labels) == 1


def test_progress_ends_within_the_last_pass():
    """Merges are told of all dimensions and of each half; what remains is less than one of these passes."""
    told = []
    vectors, _ = mixture([9] * 12)
    grow_hierarchy(vectors, AUTO, progress=told.append)
    assert 0 <= most_merges(len(vectors), AUTO) - sum(told) < len(vectors) - 1


def test_everybody_in_one_heap_beside_a_few_strays_is_no_answer():
    vectors, _ = mixture([8] * 30, spread=0.9)
    axis = np.full(48, 48**-0.5, np.float32)
    crowd, strays = vectors + 1.5 * axis, 0.2 * vectors[:10] - 1.5 * axis
    found = grow_hierarchy(np.concatenate([crowd, strays]), AUTO)
    assert found.labels.sizes.max() <= 125
    assert found.labels.cluster_count > 2


def test_raw_features_are_halved_too():
    vectors, truth = mixture([12] * 8, spread=0.4)
    found = grow_hierarchy(5 * vectors, HierarchySettings(stop="auto", feature="raw", regularizer="none"))
    assert adjusted_rand_score(truth, found.labels.labels) > 0.95


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_hardly_any_rows(count):
    vectors, _ = mixture([1] * max(count, 1))
    found = grow_hierarchy(vectors[:count], AUTO)
    assert len(found.labels) == count


def test_one_dimension_is_half_of_itself():
    vectors = np.array([[1.0], [1], [-1], [-1], [1], [-1]], dtype=np.float32)
    assert grow_hierarchy(vectors, AUTO).labels.cluster_count == 2


def test_ending_at_the_largest_number_compared_is_said():
    pairs, _ = mixture([2] * 60, spread=0.1)
    people, _ = mixture([12] * 10, spread=0.4)
    assert "largest count compared" in grow_hierarchy(pairs, AUTO).notes[0]
    assert "largest count compared" not in grow_hierarchy(people, AUTO).notes[0]


def test_it_needs_a_share():
    with pytest.raises(SettingsError, match="stop auto compares the clusters of many steps; set share"):
        HierarchySettings.parse({"stop": "auto", "share": None}, "x")
