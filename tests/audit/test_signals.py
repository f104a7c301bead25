"""Signals of a probe: against plain loops, and on features that are good, collapsed or wrenched."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reseen.audit import Probe, crop_signals, probe_score
from reseen.audit.half_agreement import component_halves
from reseen.audit.signals import FEWEST_CROPS, HALVES
from reseen.geometry import unit
from reseen.records import Features

PEOPLE, EACH, DIMENSION = 30, 8, 24


def drawn(rows):
    return Features(unit(torch.from_numpy(np.asarray(rows, dtype=np.float32))))


def probe(noise=0.5, jitter=0.3, seed=0, tracklets=True, map_features=lambda rows: rows):
    """People with crops in two cameras, a tracklet in each, and another view of every crop."""
    generator = np.random.default_rng(seed)
    who = np.repeat(np.arange(PEOPLE), EACH)
    camera = np.tile(np.arange(EACH) // (EACH // 2), PEOPLE)
    rows = generator.normal(size=(PEOPLE, DIMENSION))[who] + noise * generator.normal(
        size=(len(who), DIMENSION)
    )
    views = rows + jitter * generator.normal(size=rows.shape)
    picked = np.arange(0, len(who), 2)
    return Probe(
        drawn(map_features(rows)),
        drawn(map_features(views)[picked]),
        picked,
        camera,
        who * 2 + camera if tracklets else None,
    )


def signals_by_loops(given):
    vectors, views = given.features.numpy.astype(np.float64), given.views.numpy.astype(np.float64)
    names = ("own_view", "same_neighbors", "stand_out", HALVES, "tracklet", "tracklet_agreement")
    found = {name: [] for name in names}
    count = len(vectors)
    means = [vectors[given.cameras == camera].mean(axis=0) for camera in range(2)]
    centered = np.array([row - means[camera] for row, camera in zip(vectors, given.cameras, strict=True)])
    halves = component_halves(centered.astype(np.float32))
    for place, row in enumerate(given.rows):
        plain, viewed = [list(rows @ vectors.T) for rows in (vectors[row], views[place])]
        found["own_view"].append(1 / (1 + sum(value > viewed[row] for value in viewed)))
        others = [other for other in range(count) if other != row]
        near, seen = (sorted(others, key=lambda other: -values[other])[:10] for values in (plain, viewed))
        chance = 10 / (count - 1)
        first, second = (
            set(sorted(others, key=lambda other: -(half[row] @ half[other]))[:10]) for half in halves
        )
        found[HALVES].append((len(first & second) / 10 - chance) / (1 - chance))
        found["same_neighbors"].append((len(set(near) & set(seen)) / 10 - chance) / (1 - chance))
        found["stand_out"].append((plain[near[0]] - plain[near[9]]) / np.std(plain))
        mates = [other for other in others if given.tracklets[other] == given.tracklets[row]]
        ranked = sorted(others, key=lambda other: -plain[other])
        right = [ranked.index(mate) + 1 for mate in mates]
        found["tracklet"].append(np.mean([(n + 1) / rank for n, rank in enumerate(sorted(right))]))
        elsewhere = [other for other in range(count) if given.cameras[other] != given.cameras[row]]
        pair = [
            set(sorted(elsewhere, key=lambda other: -(vectors[one] @ vectors[other]))[:5])
            for one in (row, mates[0])
        ]
        chance = 5 / len(elsewhere)
        found["tracklet_agreement"].append((len(pair[0] & pair[1]) / 5 - chance) / (1 - chance))
    return found


@pytest.mark.parametrize("seed", [0, 1])
def test_they_are_what_plain_loops_give(seed):
    given = probe(seed=seed)
    found, wanted = crop_signals(given), signals_by_loops(given)
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        assert found[name] == pytest.approx(np.array(values), abs=1e-5), name


def test_what_is_unknown_is_not_a_number_and_leaves_the_score_to_the_rest():
    bare = crop_signals(probe(tracklets=False))
    assert np.isnan(bare["tracklet"]).all()
    assert np.isnan(bare["tracklet_agreement"]).all()
    means = {name: bare[name].mean() for name in ("own_view", "same_neighbors", "stand_out")}
    wanted = means["own_view"] + 0.3 * means["same_neighbors"] + 0.15 * means["stand_out"]
    assert probe_score(probe(tracklets=False)) == pytest.approx(wanted / 1.45)
    known = {name: values.mean() for name, values in crop_signals(probe()).items()}
    wanted = known["own_view"] + known["tracklet"] + 0.5 * known["tracklet_agreement"]
    assert probe_score(probe()) == pytest.approx(wanted / 2.5)


@pytest.mark.parametrize("tracklets", [True, False])
def test_better_features_score_higher_and_collapsed_ones_lower(tracklets):
    def collapsed(rows):
        return rows[:, :2]  # people share two directions

    def fused(rows):
        return rows + 30 * np.sign(rows[:, :1])  # two heaps

    good, noisy = (probe_score(probe(noise=noise, tracklets=tracklets)) for noise in (0.3, 1.5))
    assert good > noisy
    for broken in (collapsed, fused):
        assert probe_score(probe(noise=0.3, tracklets=tracklets, map_features=broken)) < good


@given(st.integers(0, 2**32 - 1))
def test_no_order_of_crops_or_turn_of_the_space_matters(seed):
    given, generator = probe(), np.random.default_rng(seed)
    turn = np.linalg.qr(generator.normal(size=(DIMENSION, DIMENSION)))[0].astype(np.float32)
    turned = Probe(
        drawn(given.features.numpy @ turn), drawn(given.views.numpy @ turn), given.rows, given.cameras,
        given.tracklets,
    )  # fmt: skip
    found, wanted = crop_signals(turned), crop_signals(given)
    for name in wanted.keys() - {HALVES}:
        assert found[name].mean() == pytest.approx(wanted[name].mean(), abs=0.02), name
    # components of about the same variance may change places
    assert found[HALVES].mean() == pytest.approx(wanted[HALVES].mean(), abs=0.1)


def test_features_that_are_all_alike_earn_nothing_and_are_no_fault():
    rows = np.ones((60, 4))
    given = Probe(drawn(rows), drawn(rows[:10]), np.arange(10))
    found = crop_signals(given)
    assert np.isfinite(found["stand_out"]).all()
    assert found["stand_out"] == pytest.approx(np.zeros(10), abs=1e-3)


def test_few_crops_have_no_score():
    rows = np.eye(FEWEST_CROPS - 1)
    assert probe_score(Probe(drawn(rows), drawn(rows), np.arange(len(rows)))) is None
    assert crop_signals(Probe(drawn(np.eye(50)), drawn(np.eye(50)[:0]), np.arange(0))) == {}


def test_a_probe_whose_parts_do_not_fit_is_refused():
    rows = drawn(np.eye(5))
    with pytest.raises(ValueError, match="a row for each of 5 views"):
        Probe(rows, rows, np.arange(4))
    with pytest.raises(ValueError, match="below 5"):
        Probe(rows, rows, np.arange(1, 6))
    with pytest.raises(ValueError, match="cameras need one value"):
        Probe(rows, rows, np.arange(5), cameras=np.zeros(4, dtype=np.int64))
