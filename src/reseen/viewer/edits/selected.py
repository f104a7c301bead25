"""The clusters and crops that an edit refers to, checked against a snapshot; and the errors of edits."""

from collections.abc import Sequence

from reseen.viewer.clusters import Cluster
from reseen.viewer.viewer import Snapshot


class EditError(Exception):
    """An invalid edit; the message is shown to the user."""


class StaleError(EditError):
    """An edit of an outdated version of the clusters."""


def cluster_of(snapshot: Snapshot, number: int) -> Cluster:
    """A cluster by number.

    Raises:
        EditError: there is no such cluster.
    """
    if number not in snapshot.clusters:
        raise EditError(f"there is no cluster {number}")
    return snapshot.clusters[number]


def rows_of(snapshot: Snapshot, keys: Sequence[str]) -> list[int]:
    """Rows of crops by key.

    Raises:
        EditError: there are none, one is not in the gallery, or one is listed twice.
    """
    if not keys:
        raise EditError("select some crops first")
    missing = [key for key in keys if key not in snapshot.collection.rows]
    if missing or len(set(keys)) < len(keys):
        raise EditError("some of these crops are not in the gallery, or are listed twice")
    return [snapshot.collection.rows[key] for key in keys]


def other_rows(snapshot: Snapshot, number: int, rows: Sequence[int]) -> list[int]:
    """Rows of a cluster other than `rows`, most central first; none for outliers."""
    if number not in snapshot.clusters:
        return []
    excluded = set(rows)
    return [row for row in snapshot.clusters[number].rows.tolist() if row not in excluded]


def central_key(snapshot: Snapshot, cluster: Cluster) -> str:
    """Key of the most central crop of a cluster."""
    return snapshot.collection.keys[int(cluster.rows[0])]


def keys_of(snapshot: Snapshot, rows: Sequence[int]) -> list[str]:
    """Keys of rows."""
    return [snapshot.collection.keys[row] for row in rows]


def count_crops(rows: Sequence[int]) -> str:
    """Text such as `3 crops`."""
    return f"{len(rows)} {plural(len(rows), 'crop')}"


def plural(count: int, word: str) -> str:
    """The word, with an s unless the count is 1."""
    return word if count == 1 else f"{word}s"
