from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.cluster import cluster_within_cameras, disputed_crops
from reseen.errors import ClusteringError, TrainingError
from reseen.records import PseudoLabels, contiguous


def pseudo(*values):
    return PseudoLabels(np.array(values, dtype=np.int64))


@settings(max_examples=80)
@given(seed=st.integers(0, 10_000), clusters=st.integers(0, 6), groups=st.integers(0, 6))
def test_disputed_crops_equal_a_slow_loop(seed, clusters, groups):
    generator = np.random.default_rng(seed)
    labels, within = (contiguous(generator.integers(-1, count, 30)) for count in (clusters, groups))
    found = disputed_crops(labels, within)
    for row in range(30):
        own, group = labels.labels[row], within.labels[row]
        members = [labels.labels[other] for other in range(30) if within.labels[other] == group]
        clustered = Counter(member for member in members if member >= 0)
        elsewhere = any(
            cluster != own and count > clustered.total() / 2 for cluster, count in clustered.items()
        )
        outliers = len(members) - clustered.total()
        expected = own >= 0 and group >= 0 and (elsewhere or outliers > len(members) / 2)
        assert found[row] == expected


@pytest.mark.parametrize(
    ("labels", "within", "expected"),
    [
        ((0, 0, 1, 1), (0, 0, 0, 1), (False, False, True, False)),  # one of three is elsewhere
        ((0, 0, 1, 1), (0, 0, 0, 0), (False, False, False, False)),  # half in each: none has most
        ((0, 1, 2, -1), (0, 0, 0, 0), (False, False, False, False)),  # scattered
        ((0, 0, 0, -1, 1), (0, 0, 0, 0, 0), (False, False, False, False, True)),  # an outlier stays one
        ((0, -1, -1, 0), (0, 0, 0, -1), (True, False, False, False)),  # among outliers, and in no group
        ((0, -1), (0, 0), (False, False)),  # half of two are outliers, not more
        ((), (), ()),
    ],
)
def test_by_hand(labels, within, expected):
    assert disputed_crops(pseudo(*labels), pseudo(*within)).tolist() == list(expected)


def test_clusters_that_agree_dispute_nothing_whatever_their_numbers():
    labels = contiguous(np.random.default_rng(0).integers(-1, 5, 40))
    renumbered = PseudoLabels(np.where(labels.labels < 0, -1, labels.cluster_count - 1 - labels.labels))
    assert not disputed_crops(labels, renumbered).any()
    with pytest.raises(ValueError, match="40 pseudo labels but 1 of clusters within cameras"):
        disputed_crops(labels, pseudo(0))


@pytest.mark.parametrize("error", [TrainingError, ClusteringError])
def test_each_camera_is_clustered_alone_and_numbered_after_those_before(error):
    cameras, seen = np.array([2, 0, 2, -1, 0, 5, 2]), []

    def cluster(rows):
        seen.append(rows.tolist())
        if len(rows) == 1:
            raise error("too few")
        return PseudoLabels(np.arange(len(rows)) - 1)  # the first row is an outlier

    found = cluster_within_cameras(cameras, cluster)
    assert seen == [[1, 4], [0, 2, 6], [5]]  # crops of unknown camera are in none
    assert found.labels.tolist() == [-1, -1, 1, -1, 0, -1, 2]
