"""Merging on arrays from disk and from neighbors that are known: the same merges as in memory."""

import numpy as np
import pytest
import torch

from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy, partners
from reseen.neighbors import nearest
from reseen.neighbors.out_of_core import Scratch
from reseen.records import Features


def crowd(n=300, d=16, people=30, seed=0):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(people, d))[generator.integers(0, people, n)] + 0.4 * generator.normal(
        size=(n, d)
    )
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


SETTINGS = [
    {},
    {"stop": "auto"},
    {"stop": "distance", "distance": 0.6, "linkage": "centroid"},
    {"linkage": "energy", "metric": "cosine", "regularizer": "size", "weight": 0.01},
    {"linkage": "average", "regularizer": "dispersion", "engine": "approximate"},
]


@pytest.mark.parametrize("flags", SETTINGS, ids=str)
def test_disk_and_known_neighbors_change_no_merge(tmp_path, flags):
    rows, chosen = crowd(), HierarchySettings(**flags)
    one = grow_hierarchy(rows, chosen)
    neighbors = nearest(Features(torch.from_numpy(rows)), 17)
    other = grow_hierarchy(rows, chosen, allocate=Scratch(tmp_path).unnamed, neighbors=neighbors)
    np.testing.assert_array_equal(other.first, one.first)
    np.testing.assert_array_equal(other.second, one.second)
    np.testing.assert_allclose(other.cost, one.cost, atol=1e-9)


def test_neighbors_save_the_first_search(monkeypatch):
    rows, searched = crowd(), []
    search = partners.CheapestPartners.search
    monkeypatch.setattr(
        partners.CheapestPartners,
        "search",
        lambda self, names, k: searched.append(len(names)) or search(self, names, k),
    )
    neighbors = nearest(Features(torch.from_numpy(rows)), 17)
    grow_hierarchy(rows, HierarchySettings(steps=2), neighbors=neighbors)
    assert searched
    assert max(searched) < len(rows)


def test_groups_to_start_from_are_searched_all_the_same():
    rows = crowd()
    groups = np.arange(len(rows)) // 2
    neighbors = nearest(Features(torch.from_numpy(rows)), 17)
    one = grow_hierarchy(rows, HierarchySettings(), groups)
    other = grow_hierarchy(rows, HierarchySettings(), groups, neighbors=neighbors)
    np.testing.assert_array_equal(other.first, one.first)


def test_shards_of_a_long_search_change_nothing(monkeypatch):
    rows, chosen = crowd(200), HierarchySettings(merge="chain", share=0.9, steps=3)
    monkeypatch.setattr(partners, "_SHORT", 2)
    one = grow_hierarchy(rows, chosen)
    monkeypatch.setattr(partners, "_SHARD", 30)
    monkeypatch.setattr(partners, "_QUERIES", 7)
    other = grow_hierarchy(rows, chosen)
    np.testing.assert_array_equal(other.first, one.first)
    np.testing.assert_array_equal(other.second, one.second)
