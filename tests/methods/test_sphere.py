import numpy as np
import pytest

from reseen.cluster import merge_features, prune
from reseen.losses import batch_hard_triplet
from reseen.records import to_index_tensor
from reseen.training.loop import make_batch

NAME = "sphere"


def test_its_loss_is_the_triplet_loss_of_the_batch(begin):
    training, plan = begin(NAME)
    training.encoder.train()
    batch = make_batch(training, next(iter(plan.batches)), to_index_tensor(plan.clustering.labels.labels))
    step = training.method.losses(batch)
    assert list(step.terms) == ["triplet"]
    assert float(step.loss.detach()) == pytest.approx(
        float(batch_hard_triplet(step.features, step.labels, 0.5)), rel=1e-5
    )


def test_lone_crops_take_part_unless_told_otherwise(begin):
    training, plan = begin(NAME, clustering={"steps": 2})
    labels = plan.clustering.labels.labels
    assert labels.min() == 0
    assert np.bincount(labels).min() == 1
    lone = np.flatnonzero(np.bincount(labels) == 1)
    rows = np.concatenate(
        [batch.numpy() for batch in training.method.begin_round(plan_features(training), 40).batches]
    )
    assert np.isin(labels[rows], lone).any()


def plan_features(training):
    import torch

    from reseen.features.extract import extract

    return extract(training.encoder, training.crops, torch.device("cpu"))


def test_the_smallest_cluster_reaches_the_clustering(begin):
    training, plan = begin(NAME, smallest_cluster=2)
    features = plan_features(training)
    expected = prune(features, merge_features(features, training.recipe.method.clustering), 2)
    assert np.array_equal(plan.clustering.labels.labels, expected.labels.labels)
    assert plan.clustering.labels.noise_share > 0
