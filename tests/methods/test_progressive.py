import math

import numpy as np
import pytest
import torch

from reseen.cluster.hierarchy import grow_hierarchy
from reseen.errors import TrainingError
from reseen.methods import MethodContext
from reseen.methods.progressive import Progressive, ProgressiveSettings
from reseen.records import Batch, Features


def features_of(count=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(6, 16, generator=generator)[torch.arange(count) % 6]
    return Features(
        torch.nn.functional.normalize(centers + 0.5 * torch.randn(count, 16, generator=generator), dim=1)
    )


def method_of(encoder=None, **values):
    settings = ProgressiveSettings.model_validate({"rounds_before_merging": 2, **values})
    return Progressive(settings, MethodContext(encoder, None, torch.Generator(), torch.device("cpu")))


def counts(method, rounds, features=None):
    found = []
    for number in range(rounds):
        found.append(
            method.begin_round(features or features_of(seed=number), 1).clustering.labels.cluster_count
        )
    return found


def test_crops_stay_alone_at_first_then_a_share_of_all_crops_merges_per_round_until_the_steps_are_done():
    method = method_of(clustering={"share": 0.1, "steps": 3, "linkage": "single", "merge": "chain"})
    assert counts(method, 7) == [60, 60, 54, 48, 42, 42, 42]


def test_clusters_only_grow_and_by_the_features_of_the_moment():
    method = method_of(clustering={"share": 0.1, "steps": 9})
    before = None
    for number in range(6):
        features = features_of(seed=number)
        labels = method.begin_round(features, 1).clustering.labels.labels
        if before is not None:
            assert len({(int(a), int(b)) for a, b in zip(before, labels, strict=True)}) == before.max() + 1
        if number >= 2:
            chosen = method_settings(method)
            expected = grow_hierarchy(features.numpy, chosen, before, share_of=60, most_steps=1)
            assert np.array_equal(expected.labels.labels, labels)
        before = labels


def method_settings(method):
    return method._settings.clustering


def test_the_first_loss_of_every_partition_is_ln_of_its_clusters_and_rows_last_while_it_does():
    def encoder(images):
        return torch.nn.functional.normalize(images.flatten(1)[:, :16], dim=1)

    method = method_of(encoder, clustering={"share": 0.1, "steps": 9})
    images = torch.randn(4, 3, 4, 4)
    for number in range(4):
        plan = method.begin_round(features_of(), 1)
        rows = torch.arange(4)
        labels = torch.from_numpy(plan.clustering.labels.labels)[rows]
        step = method.losses(Batch(images, rows, labels, rows))
        fresh = math.isclose(float(step.loss), math.log(plan.clustering.labels.cluster_count), rel_tol=1e-6)
        assert fresh == (number != 1)  # nothing merged before round 2: the rows went on
        method.after_step(step)


def test_it_goes_on_from_its_state():
    one = method_of(clustering={"share": 0.1, "steps": 9})
    counts(one, 3)
    one.table.update(features_of().vectors[:5], torch.arange(5))
    state = {key: value.clone() for key, value in one.state().items()}
    other = method_of(clustering={"share": 0.1, "steps": 9})
    other.restore(state)
    assert torch.equal(one.table.vectors, other.table.vectors)
    for number in (3, 4):
        first, second = (
            m.begin_round(features_of(seed=number), 1).clustering.labels.labels for m in (one, other)
        )
        assert np.array_equal(first, second)
    assert method_of().state() == {}
    method_of().restore({})


def test_merging_everybody_into_one_is_an_error_that_says_what_to_do():
    method = method_of(clustering={"share": 1.0, "steps": 9})
    with pytest.raises(TrainingError, match="one cluster of 60 crops; merge less"):
        counts(method, 3)


def test_nothing_near_enough_leaves_clusters_as_they_are():
    method = method_of(clustering={"stop": "distance", "distance": 0.0})
    assert counts(method, 4) == [60, 60, 60, 60]
