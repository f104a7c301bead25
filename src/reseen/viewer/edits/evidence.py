"""What answers about pairs of crops say about clusters, and about crops and clusters."""

from typing import NamedTuple

from scipy.cluster.hierarchy import DisjointSet

from reseen.gallery.collection import Collection
from reseen.gallery.edits.pair_constraints import PairConstraints


class Evidence(NamedTuple):
    """Which clusters, and which crops and clusters, show one person or two, as far as answers say so.

    Every pair of clusters is in both orders. Answers are followed along the links: if A and B are one person and B and
    C are two, A and C are two.
    """

    linked_clusters: frozenset[tuple[int, int]]
    separated_clusters: frozenset[tuple[int, int]]
    linked_crops: frozenset[tuple[str, int]]
    """Keys of crops with the numbers of clusters other than their own."""
    separated_crops: frozenset[tuple[str, int]]


def evidence_of(collection: Collection, constraints: PairConstraints) -> Evidence:
    """The evidence of `constraints`, whose keys are in `collection`. Crops in no cluster have no cluster to link."""
    groups = DisjointSet()
    for first, second in (*constraints.same, *constraints.different):
        groups.add(first)
        groups.add(second)
    for first, second in constraints.same:
        groups.merge(first, second)
    members = {groups[key]: sorted(groups.subset(key)) for key in groups}
    linked = [(key, other) for keys in members.values() for key in keys for other in _ends(collection, keys)]
    separated = []
    for one, other in {tuple(sorted((groups[a], groups[b]))) for a, b in constraints.different}:
        for keys, others in ((members[one], members[other]), (members[other], members[one])):
            separated += [(key, end) for key in keys for end in _ends(collection, others)]
    own = {key: int(collection.clusters[collection.rows[key]]) for key in groups}
    return Evidence(
        frozenset((own[key], end) for key, end in linked if 0 <= own[key] != end),
        frozenset((own[key], end) for key, end in separated if own[key] >= 0),
        frozenset((key, end) for key, end in linked if own[key] != end),
        frozenset(separated),
    )


def _ends(collection: Collection, keys: list[str]) -> set[int]:
    """Numbers of the clusters that crops are in."""
    return {number for key in keys if (number := int(collection.clusters[collection.rows[key]])) >= 0}
