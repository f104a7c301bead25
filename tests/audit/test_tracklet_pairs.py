"""What tracklets say of pairs, against a rule pair by pair; and that it is taken as known, not asked."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.test_calibration import answered, ask, drawn_pool, true_errors

from reseen.audit import (
    AnsweredPairs,
    TrackletPairs,
    calibrate,
    choose_pair,
    order_cells,
    plan_pool,
    with_clusters,
)
from reseen.audit.calibration import posterior_from
from reseen.audit.next_question import expected_gain
from reseen.audit.tracklet_pairs import DIFFERENT, NOTHING_KNOWN, SAME, UNKNOWN

CROPS = st.lists(
    st.tuples(st.integers(-1, 3), st.integers(-1, 1), st.one_of(st.just(float("nan")), st.integers(0, 9))),
    min_size=1, max_size=12,
)  # fmt: skip


@given(CROPS)
def test_every_pair_by_a_slow_rule(crops):
    """A tracklet is of one camera; its span is that of its crops with camera and time."""
    crops = [
        (track if track < 0 else 10 * (camera + 1) + track, camera, time) for track, camera, time in crops
    ]
    tracks, cameras, times = zip(*crops, strict=True)
    known = TrackletPairs.of_crops(
        np.array(tracks, dtype=np.int64), np.array(cameras, dtype=np.int64), np.array(times, dtype=np.float64)
    )
    spans = {}
    for track, camera, time in crops:
        if track >= 0 and camera >= 0 and np.isfinite(time):
            spans.setdefault(track, []).append(time)
    first, second = (part.reshape(-1) for part in np.meshgrid(*[np.arange(len(crops))] * 2))
    for one, other, said in zip(first, second, known.of(first, second), strict=True):
        a, b = crops[one], crops[other]
        if a[0] < 0 or b[0] < 0:
            expected = UNKNOWN
        elif a[0] == b[0]:
            expected = SAME
        else:
            both = a[1] == b[1] and a[0] in spans and b[0] in spans
            at_once = both and max(map(min, (spans[a[0]], spans[b[0]]))) <= min(
                map(max, (spans[a[0]], spans[b[0]]))
            )
            expected = DIFFERENT if at_once else UNKNOWN
        assert said == expected


def test_without_tracklets_nothing_is_known():
    rows = np.arange(3)
    assert not NOTHING_KNOWN.of(rows, rows).any()
    assert TrackletPairs.of_crops(None, rows, None) is NOTHING_KNOWN
    only = TrackletPairs.of_crops(np.array([4, 4, -1]), rows, None)
    assert only.of(np.array([0, 0]), np.array([1, 2])).tolist() == [SAME, UNKNOWN]


def test_a_pool_counts_what_is_known(people):
    features, labels = people()
    tracks = labels.labels * 10  # one tracklet of each person
    known = TrackletPairs.of_crops(tracks, np.zeros(len(tracks), int), np.zeros(len(tracks)))
    pool = plan_pool(features, labels, tracklets=known)
    same_track = tracks[pool.first] == tracks[pool.second]
    assert (pool.known == np.where(same_track, SAME, DIFFERENT)).all()  # all are there at one moment
    assert pool.known_same.sum() == same_track.sum()
    assert pool.known_different.sum() == (~same_track).sum()
    assert not pool.unknown.any()
    again = with_clusters(pool, labels)
    assert np.array_equal(again.known_same, pool.known_same)
    nobody = AnsweredPairs(np.zeros(0), np.zeros(0, bool), np.zeros(0, bool))
    assert choose_pair(pool, nobody, set(), np.arange(len(pool.first))) is None
    assert not expected_gain(posterior_from(pool, nobody)).any()
    found = calibrate(pool, nobody, np.random.default_rng(0))  # nothing is left to doubt
    assert found.trust == "medium"  # never more with tracklets, which a tracker may have switched
    assert found.answers == 0
    assert found.threshold is not None
    above = pool.similarity >= found.threshold
    assert found.false_share == pytest.approx((~same_track[above]).mean(), abs=1e-9)


def with_known(pool, same, share, seed=0):
    """The pool with a share of its pairs known, as tracklets know them."""
    hidden = np.random.default_rng([seed, 7]).random(len(same)) >= share
    known = np.where(hidden, UNKNOWN, np.where(same, SAME, DIFFERENT)).astype(np.int8)
    cells = pool.cell(pool.similarity, pool.together)
    counts = [
        np.bincount(cells[known == kind], minlength=pool.pairs.size).reshape(2, -1)
        for kind in (SAME, DIFFERENT)
    ]
    return replace(
        pool, known=known, known_same=counts[0].astype(float), known_different=counts[1].astype(float)
    )


def ask_unknown(pool, same, count, seed):
    """Answers to the questions that help most, on pairs of which nothing is known."""
    generator = np.random.default_rng(seed)
    cells = np.where(pool.known == UNKNOWN, pool.cell(pool.similarity, pool.together), -1)
    waiting = {
        cell: generator.permutation(np.flatnonzero(cells == cell)).tolist() for cell in set(cells) - {-1}
    }
    rows = []
    while len(rows) < count:
        for cell in order_cells(pool, answered(pool, same, rows))[:5]:
            if waiting.get(cell):
                rows.append(waiting[cell].pop())
    return answered(pool, same, rows[:count])


def test_known_pairs_need_fewer_answers_and_intervals_still_hold():
    """Sixty answers with and without what tracklets know of the other pairs; intervals to half a point."""
    held = total = trusted = trusted_without = 0
    for seed in range(8):
        pool, same = drawn_pool(seed, middle=0.3 if seed % 2 else 0.6)
        knows = with_known(pool, same, 0.6, seed)
        without = calibrate(pool, ask(pool, same, 60, seed), np.random.default_rng(seed))
        found = calibrate(knows, ask_unknown(knows, same, 60, seed), np.random.default_rng(seed))
        trusted, trusted_without = trusted + found.trusted, trusted_without + without.trusted
        known = int((knows.known != UNKNOWN).sum())
        assert f"60 answers, and tracklets, which know {known:,} of 4,000 pairs," in found.reason
        if found.threshold is None:
            continue
        false, missed = true_errors(pool, same, found.threshold)
        total += 2
        held += int(found.false_interval[0] - 0.005 <= false <= found.false_interval[1] + 0.005)
        held += int(found.missed_interval[0] - 0.005 <= missed <= found.missed_interval[1] + 0.005)
    assert trusted > trusted_without + 2
    assert total >= 12
    assert held >= 0.8 * total


def test_known_pairs_are_not_asked():
    pool, same = drawn_pool(2)
    knows = with_known(pool, same, 0.9)
    pool_rows = np.arange(len(same))
    distinct = replace(knows, first=pool_rows, second=pool_rows + len(same))
    asked = {}
    for _ in range(15):
        rows = list(asked.values())
        pair = choose_pair(distinct, answered(pool, same, rows), asked, pool_rows)
        assert knows.known[pair[0]] == UNKNOWN
        asked[pair] = pair[0]
    assert len(ask(pool, same, 15)) == 15  # and without tracklets there is no such rule
