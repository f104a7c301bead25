import numpy as np
import pytest
import torch

from reseen.cluster import merge_features, prune
from reseen.losses import batch_hard_triplet
from reseen.methods import MethodContext
from reseen.methods.sphere import Sphere, SphereSettings
from reseen.records import Features, to_index_tensor
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
    from reseen.features.extract import extract

    return extract(training.encoder, training.crops, torch.device("cpu"))


def test_the_smallest_cluster_reaches_the_clustering(begin):
    training, plan = begin(NAME, smallest_cluster=2)
    features = plan_features(training)
    expected = prune(features, merge_features(features, training.recipe.method.clustering), 2)
    assert np.array_equal(plan.clustering.labels.labels, expected.labels.labels)
    assert plan.clustering.labels.noise_share > 0


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("known", [True, False])
def test_centering_joins_what_cameras_part_and_needs_their_names(known, raw):
    people = torch.randn(20, 1, 64, generator=torch.Generator().manual_seed(0))
    shift = 12 * torch.eye(2, 64).repeat_interleave(4, dim=0)
    views = (people.expand(20, 8, 64) + shift).reshape(160, 64)
    features = Features(views, raw=True) if raw else Features(torch.nn.functional.normalize(views, dim=1))
    cameras = np.tile(np.repeat([0, 1], 4), 20)

    def of_person(center):
        clustering = {
            "name": "hierarchy",
            "stop": "clusters",
            "clusters": 20,
            "feature": "raw" if raw else "sphere",
        }
        settings = SphereSettings.model_validate({"clustering": clustering, "center_cameras": center})
        around = MethodContext(None, cameras if known else None, torch.Generator(), torch.device("cpu"), raw)
        return Sphere(settings, around).begin_round(features, 1).clustering.labels.labels.reshape(20, 8)

    together = of_person(True)
    if known:
        assert (together == together[:, :1]).all()
        assert not (of_person(False) == of_person(False)[:, :1]).all()
    else:
        assert np.array_equal(together, of_person(False))
