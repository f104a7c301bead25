import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from reseen.cluster import DbscanSettings, cluster_features
from reseen.errors import TrainingError
from reseen.geometry import unit
from reseen.neighbors import JaccardSettings
from reseen.records import Features


@pytest.mark.parametrize("eps", [0.5, "auto"])
def test_people_far_apart_are_found(crowd, eps):
    features, identities = crowd(20, 12, noise=0.3)
    found = cluster_features(features, JaccardSettings(), DbscanSettings(eps=eps))
    assert found.labels.cluster_count == 20
    assert adjusted_rand_score(identities, found.labels.labels) == pytest.approx(1, abs=0.02)
    assert min(found.seconds[part] for part in ("neighbors", "jaccard", "dbscan")) > 0


def test_a_plain_run_has_nothing_to_note_and_auto_says_what_it_chose(crowd):
    features, _ = crowd(20, 12, noise=0.3)
    assert cluster_features(features, JaccardSettings(), DbscanSettings()).notes == ()
    automatic = cluster_features(features, JaccardSettings(), DbscanSettings(eps="auto"))
    assert len(automatic.notes) == 1
    assert automatic.notes[0].startswith(
        f"auto chose k1 30, k2 6, min_samples 4, eps {automatic.eps:.2f} of 5 candidates"
    )
    assert automatic.labels.cluster_count == 20


def test_the_order_of_the_files_does_not_matter(crowd):
    features, _ = crowd(30, 10, noise=0.5)
    order = np.random.default_rng(1).permutation(len(features))
    straight = cluster_features(features, JaccardSettings(), DbscanSettings(eps="auto"))
    moved = cluster_features(Features(features.vectors[order]), JaccardSettings(), DbscanSettings(eps="auto"))
    assert moved.eps == straight.eps
    same = adjusted_rand_score(straight.labels.labels[order], moved.labels.labels)
    assert same == pytest.approx(1)


def test_all_noise_raises_eps_step_by_step(crowd):
    features, _ = crowd(10, 8, noise=0.9)
    found = cluster_features(features, JaccardSettings(), DbscanSettings(eps=0.01))
    assert found.labels.cluster_count >= 2
    assert found.eps > 0.01
    assert found.notes[0] == "no cluster with eps 0.01, min_samples 4; tried eps 0.06, min_samples 4"
    assert found.notes[-1] == f"found {found.labels.cluster_count} clusters with these settings"


def test_too_few_images_each_lowers_min_samples(crowd):
    features, _ = crowd(6, 2, noise=0.1)
    found = cluster_features(features, JaccardSettings(k1=2, k2=1), DbscanSettings(eps=0.3, min_samples=9))
    assert "min_samples 2" in found.notes[-2]
    assert found.labels.cluster_count == 6


def test_one_cluster_lowers_eps(crowd):
    features, _ = crowd(2, 20, noise=0.5)
    found = cluster_features(features, JaccardSettings(k1=38), DbscanSettings(eps=0.98))
    assert found.labels.cluster_count >= 2
    assert found.eps < 0.98
    assert found.notes[0].startswith("one cluster with eps 0.98, min_samples 4; tried eps 0.93")


def test_identical_images_end_in_advice():
    features = Features(unit(torch.ones(12, 4)))
    with pytest.raises(TrainingError) as caught:
        cluster_features(features, JaccardSettings(), DbscanSettings())
    message = str(caught.value)
    assert "expected at least two clusters of 12 images, got one cluster with clustering.eps 0.60" in message
    assert "more than one person" in message
    assert "\n" not in message


def test_strangers_end_in_advice():
    features = Features(torch.eye(3))
    with pytest.raises(TrainingError, match=r"got no cluster with clustering.eps 0.60 .* pretrained weights"):
        cluster_features(features, JaccardSettings(k1=1, k2=1), DbscanSettings())


@pytest.mark.parametrize("images", [0, 1])
def test_fewer_than_two_images_cannot_be_clustered(images):
    with pytest.raises(TrainingError, match=f"at least 2 images, got {images}"):
        cluster_features(Features(torch.eye(3)[:images]), JaccardSettings(), DbscanSettings())
