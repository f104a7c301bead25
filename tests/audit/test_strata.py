from itertools import combinations

import numpy as np
import pytest

from reseen.audit import allocate_questions, draw_pairs, pair_blocks, plan_strata


def counted(features, labels, stratum):
    """The pairs of a stratum, one by one."""
    rows, found = features.numpy, []
    for first, second in combinations(range(len(rows)), 2):
        together = labels.labels[first] == labels.labels[second] and labels.labels[first] >= 0
        similarity = rows[first] @ rows[second]
        if together == stratum.together and stratum.low <= similarity < stratum.high:
            found.append((first, second))
    return found


def test_sizes_are_those_of_counting(people):
    features, labels = people()
    strata = plan_strata(features, labels)
    for stratum in strata:
        assert stratum.pairs == pytest.approx(
            len(counted(features, labels, stratum)), abs=2
        )  # an edge may round
    together = sum(stratum.pairs for stratum in strata if stratum.together)
    assert together == 12 * 10 * 9 / 2
    apart = [stratum.pairs for stratum in strata if not stratum.together]
    assert np.cumsum(apart) == pytest.approx([0.25 * together, together, 4 * together], rel=0.1)
    lows = [stratum.low for stratum in strata if not stratum.together]
    assert lows == sorted(lows, reverse=True)


def test_pairs_are_of_their_stratum_and_no_pair_comes_twice(people):
    features, labels = people()
    strata = plan_strata(features, labels)
    drawn = draw_pairs(features, labels, strata, [20] * len(strata), np.random.default_rng(0))
    seen = set()
    for stratum, pairs in zip(strata, drawn, strict=True):
        assert len(pairs) == 20
        assert {tuple(pair) for pair in pairs.tolist()} <= set(counted(features, labels, stratum))
        seen |= {tuple(pair) for pair in pairs.tolist()}
    assert len(seen) == 20 * len(strata)
    again = draw_pairs(features, labels, strata, [20] * len(strata), np.random.default_rng(1), seen)
    assert not seen & {tuple(pair) for pairs in again for pair in pairs.tolist()}


def test_every_pair_of_a_stratum_has_equal_chances(people):
    features, labels = people(people=4, each=5)
    stratum = plan_strata(features, labels)[0]
    pairs = counted(features, labels, stratum)
    hits = dict.fromkeys(pairs, 0)
    generator = np.random.default_rng(0)
    for _ in range(600):
        for pair in draw_pairs(features, labels, [stratum], [3], generator)[0].tolist():
            hits[tuple(pair)] += 1
    expected = 600 * 3 / len(pairs)
    chi = sum((count - expected) ** 2 / expected for count in hits.values())
    assert chi < 3 * len(pairs)


def test_a_stratum_gives_no_more_than_it_has(people):
    features, labels = people(people=3, each=3)
    strata = plan_strata(features, labels)
    drawn = draw_pairs(features, labels, strata, [1000] * len(strata), np.random.default_rng(0))
    assert [len(pairs) for pairs in drawn] == [len(counted(features, labels, stratum)) for stratum in strata]


def test_sizes_are_estimated_where_not_all_rows_are_looked_at(people, monkeypatch):
    features, labels = people(people=30, each=20)
    whole = plan_strata(features, labels)
    monkeypatch.setattr(pair_blocks, "MAX_CELLS", 300 * len(features))
    part = plan_strata(features, labels)
    assert [one.pairs for one in part] == pytest.approx([one.pairs for one in whole], rel=0.25)
    drawn = draw_pairs(features, labels, part, [5] * len(part), np.random.default_rng(0))
    assert all((pairs[:, 0] < pairs[:, 1]).all() for pairs in drawn)


def test_noise_is_together_with_nobody(people):
    features, labels = people(people=3, each=4)
    noise = type(labels)(np.full(len(labels), -1))
    strata = plan_strata(features, noise)
    assert not [stratum for stratum in strata if stratum.together]
    assert sum(stratum.pairs for stratum in strata) == pytest.approx(4 * len(features), rel=0.1)


def test_questions_are_shared_out(people):
    features, labels = people()
    strata = plan_strata(features, labels)
    counts = allocate_questions(strata, 180)
    assert sum(counts) == pytest.approx(180, abs=3)
    assert sum(counts[:3]) == pytest.approx(90, abs=2)
    assert counts[3] < counts[4] < counts[5]
    assert allocate_questions([strata[0]], 10) == [10]
