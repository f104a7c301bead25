"""Agreement of two halves of the features, against chance, collapse and a plain loop."""

import numpy as np
import pytest
import torch

from reseen.audit.half_agreement import half_agreement
from reseen.geometry import unit
from reseen.records import Features


def drawn(rows):
    return Features(unit(torch.from_numpy(np.asarray(rows, dtype=np.float32))))


def test_it_is_the_overlap_over_chance():
    generator = np.random.default_rng(0)
    features = drawn(generator.normal(size=(60, 8)))
    vectors, shared = features.numpy, []
    for row in range(60):
        near = []
        for half in (0, 1):
            part = vectors[:, half::2]
            part = part / np.linalg.norm(part, axis=1, keepdims=True)
            others = [other for other in range(60) if other != row]
            near.append(set(sorted(others, key=lambda other: -float(part[row] @ part[other]))[:10]))
        shared.append(len(near[0] & near[1]))
    chance = 10 / 59
    assert half_agreement(features) == pytest.approx((np.mean(shared) / 10 - chance) / (1 - chance), abs=1e-6)


def test_unrelated_halves_agree_as_chance_does():
    features = drawn(np.random.default_rng(0).normal(size=(600, 64)))
    assert half_agreement(features) == pytest.approx(0, abs=0.03)


def test_halves_that_both_tell_people_apart_agree():
    generator = np.random.default_rng(0)
    people = np.repeat(np.arange(50), 11)
    halves = [generator.normal(size=(50, 32))[people] + 0.2 * generator.normal(size=(550, 32)) for _ in "ab"]
    rows = np.empty((550, 64))
    rows[:, ::2], rows[:, 1::2] = halves
    assert half_agreement(drawn(rows)) > 0.9


def test_a_few_crops_have_none():
    assert half_agreement(drawn(np.eye(39))) is None
    assert half_agreement(drawn(np.ones((60, 1)))) is None
