"""The clusterings as scikit-learn estimators."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

from reseen.cluster.dbscan import dbscan
from reseen.cluster.estimators import JaccardDBSCAN, SphereAgglomeration
from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.geometry import as_features
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest


def groups(count=6, size=12, dimension=8, seed=0):
    """Tight groups of rows in far directions, and the group of each row."""
    generator = np.random.default_rng(seed)
    centers = np.eye(dimension)[np.arange(count) % dimension]
    labels = np.repeat(np.arange(count), size)
    return centers[labels] + 0.05 * generator.normal(size=(count * size, dimension)), labels


@pytest.mark.parametrize(
    "estimator", [JaccardDBSCAN(), SphereAgglomeration()], ids=lambda e: type(e).__name__
)
def test_all_checks_of_scikit_learn_pass(estimator):
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert len(results) > 30
    failed = {row["check_name"]: str(row["exception"]) for row in results if row["status"] == "failed"}
    assert not failed


def test_labels_are_those_of_the_functions():
    rows, _ = groups()
    features = as_features(rows)
    jaccard = JaccardSettings(k1=10, k2=3)
    distances = jaccard_distance(features, nearest(features, jaccard.columns), jaccard, threshold=0.5)
    expected = dbscan(distances, 0.5, 3).labels
    found = JaccardDBSCAN(0.5, min_samples=3, k1=10, k2=3, variant=jaccard.variant).fit_predict(rows)
    np.testing.assert_array_equal(found, expected)
    hierarchy = HierarchySettings(stop="clusters", clusters=5, share=None)
    np.testing.assert_array_equal(
        SphereAgglomeration(5).fit_predict(rows), grow_hierarchy(features.numpy, hierarchy).labels.labels
    )


@pytest.mark.parametrize(
    "estimator", [JaccardDBSCAN(k1=8, k2=3), SphereAgglomeration(6)], ids=["dbscan", "tree"]
)
def test_groups_are_found_at_any_length_and_beside_zeros(estimator):
    rows, labels = groups()
    lengths = np.random.default_rng(1).uniform(0.1, 10, len(rows))[:, None]
    found = clone(estimator).fit_predict(np.concatenate([rows * lengths, np.zeros((2, rows.shape[1]))]))
    assert found[-2:].tolist() == [-1, -1]
    assert len(np.unique(found[:-2])) == 6
    assert len({(a, b) for a, b in zip(found[:-2].tolist(), labels.tolist(), strict=True)}) == 6


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(1, 5))
def test_few_rows_are_clustered_too(seed, count, dimension):
    rows = np.random.default_rng(seed).normal(size=(count, dimension))
    labels = JaccardDBSCAN().fit_predict(rows)
    assert labels.shape == (count,)
    assert set(labels.tolist()) - {-1} == set(range(labels.max() + 1))
    whole = SphereAgglomeration(1).fit_predict(rows)
    assert set(whole.tolist()) == {0}


def test_a_pipeline_and_wrong_parameters():
    rows, _ = groups()
    assert make_pipeline(FunctionTransformer(), SphereAgglomeration(3)).fit_predict(rows).max() == 2
    for wrong in (
        JaccardDBSCAN(eps=-1),
        JaccardDBSCAN(k1=0),
        SphereAgglomeration(0),
        SphereAgglomeration(100),
    ):
        with pytest.raises(ValueError):
            wrong.fit(rows)
