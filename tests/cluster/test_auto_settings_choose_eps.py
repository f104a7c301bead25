import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from reseen.cluster import choose_eps, dbscan
from reseen.cluster.auto_settings import CANDIDATES
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest


def graph_of(features):
    options = JaccardSettings()
    return jaccard_distance(features, nearest(features, options.columns), options, CANDIDATES[-1])


@pytest.mark.parametrize(
    ("people", "images_each", "noise"),
    [(20, 12, 0.5), (20, 30, 0.7), (60, 15, 0.6), (200, 12, 0.6), (750, 8, 0.4)],
)
def test_finds_nearly_the_true_number_of_people(crowd, people, images_each, noise):
    features, _ = crowd(people, images_each, noise=noise)
    choice = choose_eps(graph_of(features), 4)
    assert 0.9 * people <= choice.clusters <= 1.1 * people
    assert choice.clustered_share > 0.8


@pytest.mark.parametrize("noise", [1.0, 1.1, 1.2, 1.3])
def test_is_as_good_as_the_best_customary_eps_where_chains_fuse_people(crowd, noise):
    features, identities = crowd(100, 20, noise=noise)
    distances = graph_of(features)

    def agreement(eps):
        labels = dbscan(distances, eps, 4).labels
        alone = np.where(labels < 0, 10_000 + np.arange(len(labels)), labels)
        return adjusted_rand_score(identities, alone)

    chosen = agreement(choose_eps(distances, 4).eps)
    assert chosen >= max(agreement(0.5), agreement(0.6))
    assert chosen >= agreement(0.7) + 0.1


def test_the_candidates_are_a_grid_below_one():
    assert CANDIDATES[0] == 0.3
    assert CANDIDATES[-1] == 0.7
    assert len(CANDIDATES) == 21


def test_equal_candidates_give_the_largest_and_no_cluster_gives_zero():
    apart = csr_array((np.zeros(3, np.float32), ([0, 1, 2], [0, 1, 2])), shape=(3, 3))
    choice = choose_eps(apart, 2)
    assert (choice.eps, choice.clusters, choice.clustered_share) == (0.7, 0, 0)


def test_says_what_it_chose():
    pairs = csr_array((np.zeros(4, np.float32), ([0, 0, 1, 1], [0, 1, 0, 1])), shape=(4, 4))
    assert str(choose_eps(pairs, 2)) == (
        "eps auto chose 0.70 of 0.30 to 0.70: 1 clusters with 50% of the images"
    )
