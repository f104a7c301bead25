import json

import numpy as np
import pytest

from reseen.cluster import Clustering, cluster_quality, exclude
from reseen.errors import TrainingError
from reseen.records import PseudoLabels


def test_the_numbers_by_hand():
    quality = cluster_quality(PseudoLabels(np.array([0, 0, 0, 0, 1, 1, -1, -1])))
    assert (quality.clusters, quality.noise_share) == (2, 0.25)
    assert (quality.smallest, quality.median_size, quality.largest) == (2, 3, 4)
    assert quality.largest_share == pytest.approx(4 / 6)
    assert quality.size_spread == pytest.approx(1 / 3)


def test_equal_sizes_have_no_spread():
    assert cluster_quality(PseudoLabels(np.array([0, 0, 1, 1]))).size_spread == 0


@pytest.mark.parametrize("labels", [[], [-1, -1]])
def test_no_cluster_gives_zeros(labels):
    quality = cluster_quality(PseudoLabels(np.array(labels, dtype=np.int64)))
    assert (quality.clusters, quality.largest, quality.size_spread) == (0, 0, 0)


def test_it_can_be_written_to_a_log():
    row = json.loads(json.dumps(cluster_quality(PseudoLabels(np.array([0, 0, 1]))).as_row()))
    assert row["clusters"] == 2


def test_excluded_images_are_noise_and_so_are_clusters_that_become_too_small():
    clustering = Clustering(PseudoLabels(np.array([0, 0, 1, 1, 1, -1, 2, 2])), notes=("as before",))
    excluded = np.array([True, False, False, True, False, False, False, False])
    kept = exclude(clustering, excluded, smallest=2)
    assert kept.labels.labels.tolist() == [-1, -1, 0, -1, 0, -1, 1, 1]
    assert kept.notes == ("as before",)
    assert exclude(clustering, excluded).labels.labels.tolist() == [-1, 0, 1, -1, 1, -1, 2, 2]
    with pytest.raises(TrainingError, match="at least two clusters of 2 images or more, got 1 of 3"):
        exclude(clustering, excluded | (clustering.labels.labels == 2), smallest=2)
