"""Constraints that follow from edits, against a slow rule."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.cluster import Constraints
from reseen.gallery.edits.edit import Edit
from reseen.gallery.edits.pair_constraints import pair_constraints


def edit(same=(), different=()):
    return Edit("same", "2026-01-01T00:00:00+00:00", "", {}, {}, same, different)


pairs = st.tuples(st.booleans(), st.sampled_from(list(combinations("abcdef", 2))))


@settings(max_examples=200)
@given(st.lists(pairs, max_size=14))
def test_constraints_are_consistent_and_the_later_one_applies(said):
    edits = [edit(same=(pair,)) if same else edit(different=(pair,)) for same, pair in said]
    found = pair_constraints(edits, "abcdef")
    row = {key: place for place, key in enumerate("abcdef")}

    def rows(pairs):
        return np.array([[row[a], row[b]] for a, b in pairs], np.int64).reshape(-1, 2)

    Constraints(rows(found.same), rows(found.different), 6)  # raises where they contradict
    # The slow rule: from the last to the first, each is kept if all kept so far still can be true with it.
    must, cannot = [], []
    for same, pair in reversed(said):
        trial = ([*must, pair], cannot) if same else (must, [*cannot, pair])
        if possible(*trial):
            must, cannot = trial
    assert set(found.same) == set(must)
    assert set(found.different) == set(cannot)


def possible(must, cannot):
    group = {key: {key} for key in "abcdef"}
    for one, other in must:
        joined = group[one] | group[other]
        for key in joined:
            group[key] = joined
    return all(other not in group[one] for one, other in cannot)


def test_two_people_kept_apart_stay_apart_whatever_joins_them():
    """What is said later applies, so a chain of earlier links is cut where it would join the two."""
    chain = [edit(same=(pair,)) for pair in ("ab", "cd", "bc")]
    found = pair_constraints([*chain, edit(different=(("a", "d"),))], "abcd")
    assert set(map(frozenset, found.same)) == {frozenset("bc"), frozenset("cd")}
    assert found.different == (("a", "d"),)


def test_crops_that_are_gone_leave_the_rest_of_a_group_joined():
    found = pair_constraints([edit(same=(("a", "gone", "c"),), different=(("gone", "a"),))], "abc")
    assert found.same == (("a", "c"),)
    assert found.different == ()
