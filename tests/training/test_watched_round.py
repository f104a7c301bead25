"""A round whose clusters would do harm: said, clustered again by stricter settings, and stopped where nothing helps."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from reseen.cluster import Clustering
from reseen.distributed.process_group import SINGLE_PROCESS
from reseen.geometry import unit
from reseen.methods import Round
from reseen.records import Features, PseudoLabels
from reseen.training.watched_round import begin_watched_round

PEOPLE, EACH = 50, 6


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(PEOPLE, 32, generator=generator)
    rows = centers.repeat_interleave(EACH, dim=0)
    return Features(unit(rows + 0.3 * torch.randn(rows.shape, generator=generator)))


def good():
    return np.repeat(np.arange(PEOPLE), EACH)


def fused():
    labels = good()
    return np.where(labels < 25, 0, labels - 24)


class Scripted:
    """A method whose clusters are those of a script, by strictness."""

    trains_on_clusters = True
    reclusters_features = True

    def __init__(self, *script):
        self.script, self.stricter_steps, self.strictness = script, len(script) - 1, 0
        self.context = SimpleNamespace(cameras=None)
        self.asked = []

    def begin_round(self, features, iterations):
        self.asked.append(self.strictness)
        return Round(Clustering(PseudoLabels(self.script[self.strictness])), [iterations])


def begin(method, features, retries=True, before=None):
    return begin_watched_round(method, features, before, 3, SINGLE_PROCESS, retries)


def test_good_clusters_are_taken_as_they_are(features):
    method = Scripted(good(), fused())
    watched = begin(method, features)
    assert method.asked == [0]
    assert (watched.strictness, watched.is_collapsed, watched.notes) == (0, False, ())


def test_the_first_step_that_raises_no_alarm_is_taken(features):
    method = Scripted(fused(), fused(), good(), good())
    watched = begin(method, features)
    assert method.asked == [0, 1, 2]
    assert watched.strictness == 2
    assert not watched.is_collapsed
    assert (watched.plan.clustering.labels.labels == good()).all()
    assert watched.notes[0].startswith(
        "warning: clustered crops in the largest cluster: 0.50, level 0.3; lower"
    )
    assert watched.notes[-1] == "clustered again with stricter settings, step 2: no alarm"


def test_the_next_round_begins_with_the_settings_as_they_are(features):
    method = Scripted(fused(), good())
    assert begin(method, features).strictness == 1
    begin(method, features)
    assert method.asked == [0, 1, 0, 1]


def test_where_nothing_helps_the_round_has_collapsed(features):
    watched = begin(Scripted(fused(), fused()), features)
    assert watched.is_collapsed
    assert watched.notes[-1] == "none of 1 stricter settings helped"
    assert begin(Scripted(fused()), features).is_collapsed


def test_without_retries_it_is_only_said(features):
    method = Scripted(fused(), good())
    watched = begin(method, features, retries=False)
    assert method.asked == [0]
    assert not watched.is_collapsed
    assert watched.notes[0].startswith("warning: ")


@pytest.mark.parametrize("name", ["trains_on_clusters", "reclusters_features"])
def test_clusters_that_are_only_looked_at_or_grow_raise_no_alarm(features, name):
    method = Scripted(fused(), good())
    setattr(method, name, False)
    watched = begin(method, features)
    assert method.asked == [0]
    assert watched.notes == ()


def test_clusters_that_have_nothing_in_common_with_those_before_are_an_alarm(features):
    shuffled = np.random.default_rng(0).permutation(good())
    watched = begin(Scripted(good()), features, before=PseudoLabels(shuffled))
    assert "agreement with the clusters of the round before" in watched.notes[0]
