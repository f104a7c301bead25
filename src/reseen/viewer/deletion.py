"""Deletion in two steps: a plan to preview, then deletion of exactly the previewed crops."""

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from jaxtyping import Float32

from reseen.errors import ReseenError, SettingsError
from reseen.gallery.collection import NOISE, UNCLUSTERED
from reseen.gallery.filter import Filter
from reseen.gallery.forget import ForgetResult, SelectedBy, forget
from reseen.gallery.removal import Removal, RemovalResult, remove
from reseen.gallery.selection import ROUNDS, find_similar
from reseen.viewer.maps import Maps
from reseen.viewer.viewer import Snapshot, Viewer

_MAX_PLANS = 16
_CHUNK = 4096


@dataclass(frozen=True)
class DeletionPlan:
    """Crops selected for deletion."""

    by: SelectedBy
    keys: tuple[str, ...]
    """Most similar first if they were selected by similarity."""
    similarities: tuple[float, ...] | None
    """Cosine similarity of each to the query; None if they were selected otherwise."""
    description: str
    """How they were selected, for the preview page."""
    near: tuple[str, ...] = ()
    """Keys of crops just below the threshold, most similar first."""
    rest: tuple[str, ...] = ()
    """Keys of the other crops in the affected clusters."""
    threshold: float | None = None
    """Minimum similarity of the selection; None if they were selected otherwise."""


class DeletionPlans:
    """Previewed plans that were not executed yet, at most 16; thread-safe."""

    def __init__(self) -> None:
        self._plans: OrderedDict[str, DeletionPlan] = OrderedDict()
        self._lock = Lock()

    def add(self, plan: DeletionPlan) -> str:
        """Store a plan and return its token."""
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._plans[token] = plan
            while len(self._plans) > _MAX_PLANS:
                self._plans.popitem(last=False)
        return token

    def pop(self, token: str) -> DeletionPlan | None:
        """Remove and return the plan of a token; None for an unknown or used token."""
        with self._lock:
            return self._plans.pop(token, None)


def plan_crop(snapshot: Snapshot, key: str, path: str = "") -> DeletionPlan:
    """Select one crop by its key, or by its path, relative to the indexed folder or absolute.

    Raises:
        SettingsError: no crop has this key or path.
    """
    if key in snapshot.collection.rows:
        return DeletionPlan(
            "image", (key,), None, f"Crop {snapshot.collection.entries[snapshot.collection.rows[key]].image}"
        )
    pairs = zip(snapshot.collection.keys, snapshot.collection.entries, strict=True)
    keys = tuple(
        one for one, entry in pairs if path and path in (entry.image, f"{entry.source}/{entry.image}")
    )
    if not keys:
        name = f"'{path[:200]}'" if path else "this crop"
        raise SettingsError(
            f"{name} is not in this gallery (any more); enter its path relative to the indexed folder"
        )
    return DeletionPlan("image", keys, None, f"Crop {path}")


def plan_cluster(snapshot: Snapshot, cluster: int) -> DeletionPlan:
    """Select all crops of a cluster, most central first.

    Raises:
        SettingsError: no cluster has this number.
    """
    if cluster not in snapshot.clusters:
        raise SettingsError(f"there is no cluster {cluster}; see the Clusters page for the numbers")
    rows = snapshot.clusters[cluster].rows.tolist()
    return DeletionPlan(
        "cluster", tuple(snapshot.collection.keys[row] for row in rows), None, f"Cluster {cluster}"
    )


def plan_like(
    snapshot: Snapshot,
    vectors: Float32[np.ndarray, "q d"],
    similarity: float,
    description: str,
    rounds: int | None = ROUNDS,
) -> DeletionPlan:
    """Select all crops whose cosine similarity to a query vector, or transitively to a match, reaches a threshold.

    Args:
        snapshot: the snapshot to search.
        vectors: unit query vectors.
        similarity: the threshold, -1 to 1.
        description: how the query was chosen, for the preview page.
        rounds: how often the matches become queries in turn; until there are no new ones when None.

    Raises:
        SettingsError: `similarity` or `rounds` is out of range, or no crop reaches the threshold.
    """
    if not -1 <= similarity <= 1:
        raise SettingsError(f"similarity: expected a number from -1 to 1, such as 0.8, got {similarity:g}")
    if rounds is not None and rounds < 0:
        raise SettingsError(f"rounds: expected 0 (search with the images only) or more, got {rounds}")
    matches = find_similar(lambda: _chunks(snapshot), vectors, similarity, rounds)
    if not matches.keys:
        best = f"; the most similar one has {matches.near_similarities[0]:.3f}" if matches.near else ""
        raise SettingsError(f"no crop has a similarity of {similarity:g} or more{best}")
    by_round = ", then ".join(f"{count:,}" for count in matches.round_counts)
    if len(matches.round_counts) > 1:
        description = f"{description}; matches per round: {by_round}"
    order = sorted(range(len(matches.keys)), key=lambda index: -matches.similarities[index])
    return DeletionPlan(
        "like",
        tuple(matches.keys[index] for index in order),
        tuple(matches.similarities[index] for index in order),
        description,
        matches.near,
        threshold=similarity,
    )


def with_rest(snapshot: Snapshot, plan: DeletionPlan) -> DeletionPlan:
    """The plan with `rest`: the other crops of the affected clusters."""
    selected = set(plan.keys)
    rows = [snapshot.collection.rows[key] for key in plan.keys if key in snapshot.collection.rows]
    touched = sorted({int(cluster) for cluster in snapshot.collection.clusters[rows]} - {NOISE, UNCLUSTERED})
    rest = [
        snapshot.collection.keys[row] for number in touched for row in snapshot.clusters[number].rows.tolist()
    ]
    return replace(plan, rest=tuple(key for key in rest if key not in selected))


def with_more(plan: DeletionPlan, keys: Iterable[str]) -> DeletionPlan:
    """The plan extended by some crops of `near` or `rest`; other keys are ignored."""
    shown = {*plan.near, *plan.rest} - set(plan.keys)
    more = [key for key in dict.fromkeys(keys) if key in shown]
    similarities = None if plan.similarities is None or more else plan.similarities
    return replace(plan, keys=(*plan.keys, *more), similarities=similarities)


def without(plan: DeletionPlan, keys: Iterable[str]) -> DeletionPlan:
    """The plan without some crops."""
    excluded = set(keys)
    indices = [index for index, key in enumerate(plan.keys) if key not in excluded]
    similarities = None if plan.similarities is None else tuple(plan.similarities[index] for index in indices)
    return replace(plan, keys=tuple(plan.keys[index] for index in indices), similarities=similarities)


def _chunks(snapshot: Snapshot) -> Iterator[tuple[Sequence[str], np.ndarray]]:
    for start in range(0, len(snapshot.collection), _CHUNK):
        rows = slice(start, start + _CHUNK)
        yield snapshot.collection.keys[rows], snapshot.collection.vectors[rows]


def preview_deletion(viewer: Viewer, plan: DeletionPlan) -> ForgetResult:
    """What `execute_deletion` would delete (dry run)."""
    with viewer.lock:
        return forget(viewer.gallery, Filter(keys=plan.keys), plan.by, dry_run=True, threshold=plan.threshold)


def execute_deletion(viewer: Viewer, maps: Maps, plan: DeletionPlan) -> ForgetResult:
    """Delete the crops of a plan from the gallery, the snapshot and the cached maps.

    Raises:
        GalleryError: entries are still in the store afterwards.
        StorageError: a store or file cannot be written. In both cases the snapshot keeps the remaining entries.
    """
    with _dropping(viewer, maps, plan.keys):
        return forget(
            viewer.gallery, Filter(keys=plan.keys), plan.by, dry_run=False, threshold=plan.threshold
        )


def remove_entries(viewer: Viewer, maps: Maps, removal: Removal) -> RemovalResult:
    """Delete the crops of a removal that another process asks for; raises as `execute_deletion` does."""
    with _dropping(viewer, maps, removal.keys):
        return remove(viewer.gallery.store, viewer.address, removal)


def delete_entries(viewer: Viewer, maps: Maps, where: Filter) -> int:
    """Delete entries from the store and the snapshot, and nothing else of them; returns how many."""
    keys = tuple(entry.key for part in viewer.gallery.store.scan(where) for entry in part.entries)
    with _dropping(viewer, maps, keys):
        return viewer.gallery.store.delete(Filter(keys=keys)) if keys else 0


@contextmanager
def _dropping(viewer: Viewer, maps: Maps, keys: Sequence[str]) -> Iterator[None]:
    """Hold the lock; afterwards drop from the snapshot and the maps those entries that are no longer in the store."""
    with viewer.lock:
        gone = set(keys)
        try:
            yield
        except ReseenError:
            gone -= {
                entry.key
                for part in viewer.gallery.store.scan(Filter(keys=tuple(keys)))
                for entry in part.entries
            }
            raise
        finally:
            if gone:
                viewer.drop(gone)
                maps.clear()
