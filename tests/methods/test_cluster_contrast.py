import math

import numpy as np
import pytest
import torch

from reseen.geometry import mean_direction, unit
from reseen.methods import MethodContext
from reseen.methods.cluster_contrast import ClusterContrast, ClusterContrastSettings
from reseen.records import Features, to_index_tensor
from reseen.training.loop import make_batch

NAME = "cluster-contrast"


def blobs(people=5, images=8, dimension=16, spread=0.2):
    """Unit vectors around a few directions."""
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(people, 1, dimension, generator=generator)
    vectors = centers + spread * torch.randn(people, images, dimension, generator=generator)
    return Features(torch.nn.functional.normalize(vectors.reshape(-1, dimension), dim=1))


def method_on(features, encoder=None):
    settings = ClusterContrastSettings.model_validate(
        {"clustering": {"eps": 0.6, "min_samples": 3, "jaccard": {"k1": 8, "k2": 2}}}
    )
    around = MethodContext(encoder, None, torch.Generator().manual_seed(0), torch.device("cpu"))
    method = ClusterContrast(settings, around)
    return method, method.begin_round(features, 2)


def test_centroids_start_at_the_mean_direction_of_their_clusters():
    features = blobs()
    method, plan = method_on(features)
    labels = plan.clustering.labels
    assert labels.cluster_count == 5
    for cluster in range(5):
        members = features.vectors[torch.from_numpy(labels.labels) == cluster]
        assert torch.allclose(method.memory.vectors[cluster], mean_direction(members), atol=1e-6)


def under_two_cameras():
    """Twenty people in front of two cameras, each of which shifts all of its features the same way."""
    people = blobs(people=20, images=8, dimension=64, spread=0.03).vectors.reshape(20, 8, 64)
    shift = 1.5 * torch.eye(2, 64).repeat_interleave(4, dim=0)
    shifted = torch.nn.functional.normalize((people + shift).reshape(160, 64), dim=1)
    return Features(shifted), np.tile(np.repeat([0, 1], 4), 20)


@pytest.mark.parametrize("known", [True, False])
def test_centering_joins_what_cameras_part_and_needs_their_names(known):
    features, cameras = under_two_cameras()

    def clusters(center):
        settings = ClusterContrastSettings.model_validate(
            {
                "clustering": {"eps": 0.6, "min_samples": 3, "jaccard": {"k1": 8, "k2": 1}},
                "center_cameras": center,
            }
        )
        around = MethodContext(None, cameras if known else None, torch.Generator(), torch.device("cpu"))
        return ClusterContrast(settings, around).begin_round(features, 1).clustering.labels.labels

    of_person = clusters(True).reshape(20, 8)
    if known:
        assert (of_person == of_person[:, :1]).all()
        assert len(np.unique(of_person)) == 20
        assert not (clusters(False).reshape(20, 8) == clusters(False).reshape(20, 8)[:, :1]).all()
    else:
        assert np.array_equal(of_person.reshape(-1), clusters(False))


def test_the_loss_is_the_cross_entropy_with_the_centroids_over_the_temperature(begin):
    training, plan = begin(NAME)
    labels = to_index_tensor(plan.clustering.labels.labels)
    training.encoder.train()
    batch = make_batch(training, next(iter(plan.batches)), labels)
    step = training.method.losses(batch)
    expected = 0.0
    for feature, label in zip(step.features, step.labels.tolist(), strict=True):
        logits = [float(feature @ centroid) / 0.05 for centroid in training.method.memory.vectors]
        highest = max(logits)
        expected += highest + math.log(sum(math.exp(x - highest) for x in logits)) - logits[label]
    assert list(step.terms) == ["contrast"]
    assert float(step.loss.detach()) == pytest.approx(expected / len(step.features), rel=1e-4)


def test_after_step_moves_the_centroids_of_the_batch_alone_by_each_image_in_turn(begin):
    training, plan = begin(NAME)
    training.encoder.train()
    batch = make_batch(training, next(iter(plan.batches)), to_index_tensor(plan.clustering.labels.labels))
    step = training.method.losses(batch)
    before = training.method.memory.vectors.clone()
    training.method.after_step(step)
    after = training.method.memory.vectors
    momentum = training.recipe.method.memory.momentum
    expected = before.double()
    for feature, label in zip(step.features.double(), step.labels.tolist(), strict=True):
        expected[label] = unit((momentum * expected[label] + (1 - momentum) * feature)[None])[0]
    torch.testing.assert_close(after.double(), expected, atol=1e-5, rtol=0)
    alone = torch.ones(len(before), dtype=torch.bool)
    alone[step.labels] = False
    assert torch.equal(after[alone], before[alone])


def test_every_round_starts_new_centroids():
    features = blobs()
    method, _ = method_on(features)
    method.memory.vectors.zero_()
    method.begin_round(features, 2)
    assert float(method.memory.vectors.norm(dim=1).min()) == pytest.approx(1, abs=1e-5)


def test_no_centroids_before_a_round():
    around = MethodContext(None, None, torch.Generator(), torch.device("cpu"))
    with pytest.raises(RuntimeError, match="before begin_round"):
        _ = ClusterContrast(ClusterContrastSettings(), around).memory
