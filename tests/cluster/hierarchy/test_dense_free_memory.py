import numpy as np
import pytest

from reseen.cluster.hierarchy import HierarchySettings, dense, grow_hierarchy
from reseen.errors import ClusteringError

VECTORS = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"metric": "euclidean"},
            "average linkage of Euclidean distances needs a matrix of all pairs of 300 rows, about 0.0 GB, but only "
            "0.0 GB of memory are free; use metric sqeuclidean",
        ),
        (
            {"metric": "euclidean", "linkage": "energy"},
            "energy linkage of Euclidean .* metric sqeuclidean",
        ),
        ({"engine": "dense"}, "engine dense needs a matrix of all pairs of 300 rows.* use engine search"),
    ],
)
def test_all_pairs_that_do_not_fit_are_an_error_before_they_are_made(values, message, monkeypatch):
    monkeypatch.setattr(dense, "free_bytes", lambda: 1_000_000)
    with pytest.raises(ClusteringError, match=message):
        grow_hierarchy(VECTORS, HierarchySettings(**values))
    assert len(grow_hierarchy(VECTORS, HierarchySettings()).labels) == 300


@pytest.mark.parametrize("free", [None, 1 << 40])
def test_where_there_is_room_or_nobody_knows_it_goes_on(free, monkeypatch):
    monkeypatch.setattr(dense, "free_bytes", lambda: free)
    assert len(grow_hierarchy(VECTORS, HierarchySettings(metric="euclidean")).labels) == 300


def test_this_machine_has_some_room():
    free = dense.free_bytes()
    assert free is None or free > 1 << 20
