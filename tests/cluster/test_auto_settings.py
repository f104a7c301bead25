import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from reseen.cluster import DbscanSettings, choose_settings, cluster_features
from reseen.cluster.auto_settings import AUTO_EPS, AUTO_MIN_SAMPLES
from reseen.geometry import unit
from reseen.neighbors import JaccardSettings
from reseen.neighbors.jaccard import AUTO_K1, AUTO_K2
from reseen.records import Features

AUTO = JaccardSettings(k1="auto", k2="auto"), DbscanSettings(eps="auto", min_samples="auto")


def agreement(features, identities, jaccard, dbscan):
    labels = cluster_features(features, jaccard, dbscan).labels.labels
    alone = np.where(labels < 0, len(labels) + np.arange(len(labels)), labels)
    return adjusted_rand_score(identities, alone)


@pytest.mark.parametrize(("people", "images_each", "noise"), [(100, 4, 0.9), (20, 30, 0.7), (60, 15, 0.6)])
def test_agrees_with_people_at_least_nearly_as_well_as_the_numbers_of_the_literature(
    crowd, people, images_each, noise
):
    features, identities = crowd(people, images_each, noise=noise)
    chosen = agreement(features, identities, *AUTO)
    literature = agreement(features, identities, JaccardSettings(), DbscanSettings())
    assert chosen >= literature - 0.1


def test_few_crops_a_person_get_few_neighbors(crowd):
    features, identities = crowd(150, 4, noise=0.9)
    choice = choose_settings(features, *AUTO)
    assert choice.jaccard.k1 <= 10
    assert agreement(features, identities, *AUTO) > agreement(
        features, identities, JaccardSettings(), DbscanSettings()
    )


def test_given_numbers_stay(crowd):
    features, _ = crowd(20, 10)
    choice = choose_settings(
        features, JaccardSettings(k1=12, k2="auto"), DbscanSettings(eps=0.55, min_samples="auto")
    )
    assert (choice.jaccard.k1, choice.dbscan.eps) == (12, 0.55)
    assert choice.compared == len(AUTO_MIN_SAMPLES)


def test_the_same_features_give_the_same_choice(crowd):
    features, _ = crowd(20, 10)
    assert choose_settings(features, *AUTO) == choose_settings(features, *AUTO)


def test_equal_candidates_give_the_fewest_neighbors_and_the_smallest_eps(crowd):
    features, _ = crowd(10, 8, noise=0.01)
    choice = choose_settings(features, *AUTO)
    assert choice.agreement == pytest.approx(1.0)
    assert choice.jaccard.k1 == next(k1 for k1 in AUTO_K1 if k1 >= 8)
    assert choice.dbscan.eps == AUTO_EPS[0]


@settings(max_examples=10)
@given(count=st.integers(2, 12), dimension=st.integers(2, 6), seed=st.integers(0, 5))
def test_any_small_pool_gets_numbers(count, dimension, seed):
    rows = torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed))
    choice = choose_settings(Features(unit(rows)), *AUTO)
    k1, k2 = choice.jaccard.numbers
    eps, samples = choice.dbscan.numbers
    assert k1 in AUTO_K1
    assert k2 in AUTO_K2
    assert eps in AUTO_EPS
    assert samples in AUTO_MIN_SAMPLES


def test_of_more_rows_than_the_limit_whole_neighborhoods_are_compared(crowd, monkeypatch):
    monkeypatch.setattr("reseen.cluster.auto_settings.MOST_ROWS", 120)
    features, identities = crowd(40, 10, noise=0.5)
    choice = choose_settings(features, *AUTO)
    assert agreement(features, identities, choice.jaccard, choice.dbscan) > 0.9


def test_says_what_it_chose(crowd):
    features, _ = crowd(20, 10)
    notes = cluster_features(features, *AUTO).notes
    assert notes[0].startswith("auto chose k1 ")
    assert "candidates: two halves of the features agree best" in notes[0]
