"""What answers say about clusters, against following them pair by pair."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reseen.gallery.collection import build_collection
from reseen.gallery.edits.pair_constraints import PairConstraints
from reseen.gallery.entries import Entry
from reseen.viewer.edits.evidence import evidence_of

CROPS = 8
PAIR = st.tuples(st.integers(0, CROPS - 1), st.integers(0, CROPS - 1)).filter(lambda pair: pair[0] != pair[1])


def one_person(same):
    """For each crop, the crops that links lead to, itself included."""
    reached = [{crop} for crop in range(CROPS)]
    for _ in range(CROPS):
        for one, other in same:
            joined = reached[one] | reached[other]
            for crop in joined:
                reached[crop] = joined
    return reached


@given(
    st.lists(st.sampled_from([None, -1, 0, 1, 2]), min_size=CROPS, max_size=CROPS),
    st.lists(PAIR, max_size=5),
    st.lists(PAIR, max_size=5),
)
def test_answers_are_followed_along_links(clusters, same, different):
    people = one_person(same)
    different = [(one, other) for one, other in different if other not in people[one]]
    entries = [Entry("/x", f"{row}.jpg", cluster=cluster) for row, cluster in enumerate(clusters)]
    collection = build_collection(entries, np.ones((CROPS, 2), np.float32))
    keys = collection.keys
    constraints = PairConstraints(
        *(tuple((keys[one], keys[other]) for one, other in pairs) for pairs in (same, different))
    )
    evidence = evidence_of(collection, constraints)
    inside = [crop for crop in range(CROPS) if clusters[crop] is not None and clusters[crop] >= 0]
    strangers = {
        (one, other)
        for a, b in different
        for left, right in ((a, b), (b, a))
        for one in people[left]
        for other in people[right]
    }
    friends = {(one, other) for one in range(CROPS) for other in people[one]}
    assert evidence.separated_crops == {
        (keys[one], clusters[other]) for one, other in strangers if other in inside
    }
    assert evidence.linked_crops == {
        (keys[one], clusters[other])
        for one, other in friends
        if other in inside and clusters[one] != clusters[other]
    }
    assert evidence.separated_clusters == {
        (clusters[one], clusters[other]) for one, other in strangers if one in inside and other in inside
    }
    assert evidence.linked_clusters == {
        (clusters[one], clusters[other])
        for one, other in friends
        if one in inside and other in inside and clusters[one] != clusters[other]
    }
