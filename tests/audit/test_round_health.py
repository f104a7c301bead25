"""Measures of a round's clusters, and when they are alarms."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.audit import LEVELS, RoundHealth, clustering_agreement, round_health, silhouette
from reseen.audit.round_health import FEWEST_CROPS
from reseen.records import PseudoLabels

GOOD = RoundHealth(
    crops=1000, noise_share=0.3, largest_share=0.05, camera_mixing=0.7, compactness=0.1, agreement=0.4,
    half_agreement=0.3,
)  # fmt: skip


def test_good_clusters_raise_no_alarm():
    assert GOOD.alarms == ()
    assert replace(GOOD, camera_mixing=None, agreement=None, half_agreement=None).alarms == ()


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_each_measure_has_a_level_and_a_remedy(level):
    beyond = level.value + (0.01 if level.is_most else -0.01)
    (alarm,) = replace(GOOD, **{level.name: beyond}).alarms
    assert alarm.name == level.name
    assert alarm.value == beyond
    assert level.remedy in str(alarm)
    assert "\n" not in str(alarm)
    assert replace(GOOD, **{level.name: level.value}).alarms == ()


@given(st.integers(0, FEWEST_CROPS - 1))
def test_of_few_crops_nothing_is_an_alarm(crops):
    assert replace(GOOD, crops=crops, noise_share=1.0, largest_share=1.0, compactness=-1.0).alarms == ()


def test_it_measures_what_it_says(people):
    features, labels = people(people=30, each=10)
    noisy = labels.labels.copy()
    noisy[noisy == labels.cluster_count - 1] = -1
    cut = PseudoLabels(noisy)
    found = round_health(features, cut, None, labels)
    assert found.crops == 300
    assert found.noise_share == pytest.approx(10 / 300)
    assert found.largest_share == pytest.approx(10 / 290)
    assert found.compactness == pytest.approx(np.nansum(silhouette(features, cut)) / len(cut))
    assert found.agreement == pytest.approx(clustering_agreement(labels, cut))
    assert found.camera_mixing is None
    assert round_health(features, cut, None).agreement is None


def test_people_who_fuse_into_one_cluster_are_an_alarm(people):
    features, labels = people(people=40, each=10)
    fused = np.where(labels.labels < 20, 0, labels.labels - 19)
    names = {alarm.name for alarm in round_health(features, PseudoLabels(fused), None).alarms}
    assert "largest_share" in names
    assert round_health(features, labels, None).alarms == ()


def test_no_clusters_at_all_are_an_alarm_and_no_fault(people):
    features, labels = people(people=40, each=10)
    nothing = PseudoLabels(np.full(len(labels), -1))
    found = round_health(features, nothing, np.arange(len(labels)) % 3)
    assert [alarm.name for alarm in found.alarms] == ["noise_share"]
    assert found.largest_share == 0
