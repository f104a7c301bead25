"""Forgetting in two steps: a plan that can be looked at, and carrying out exactly what was looked at."""

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from jaxtyping import Float32

from reseen.errors import ReseenError, SettingsError
from reseen.gallery.filter import Filter
from reseen.gallery.forget import ForgetResult, SelectedBy, forget
from reseen.gallery.selection import ROUNDS
from reseen.gallery.similarity_search import find_similar
from reseen.viewer.collection import NOISE, UNCLUSTERED
from reseen.viewer.maps import Maps
from reseen.viewer.viewer import Snapshot, Viewer

_MOST_PLANS = 16
_AT_ONCE = 4096


@dataclass(frozen=True)
class DeletionPlan:
    """What would be forgotten."""

    by: SelectedBy
    keys: tuple[str, ...]
    """The most similar first, where they were chosen by similarity."""
    similarities: tuple[float, ...] | None
    """Of each with what they were chosen by."""
    words: str
    """How they were chosen."""
    near: tuple[str, ...] = ()
    """Crops right below the similarity, the most similar first."""
    rest: tuple[str, ...] = ()
    """The other crops of the clusters that were touched."""
    threshold: float | None = None
    """The similarity of the choice; None for any other way."""


class DeletionPlans:
    """DeletionPlans that were shown, until they are carried out; the oldest are dropped."""

    def __init__(self) -> None:
        self._plans: OrderedDict[str, DeletionPlan] = OrderedDict()
        self._lock = Lock()

    def add(self, plan: DeletionPlan) -> str:
        """A token for a plan."""
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._plans[token] = plan
            while len(self._plans) > _MOST_PLANS:
                self._plans.popitem(last=False)
        return token

    def take(self, token: str) -> DeletionPlan | None:
        """The plan of a token, once."""
        with self._lock:
            return self._plans.pop(token, None)


def plan_crop(now: Snapshot, key: str, path: str = "") -> DeletionPlan:
    """One crop by its key, or by its path as the gallery or the disk has it.

    Raises:
        SettingsError: there is none.
    """
    if key in now.collection.rows:
        return DeletionPlan(
            "image", (key,), None, f"The crop {now.collection.entries[now.collection.rows[key]].image}"
        )
    pairs = zip(now.collection.keys, now.collection.entries, strict=True)
    keys = tuple(
        one for one, entry in pairs if path and path in (entry.image, f"{entry.source}/{entry.image}")
    )
    if not keys:
        named = f"'{path[:200]}'" if path else "that crop"
        raise SettingsError(
            f"{named} is not in this gallery, or not any more; give its path below the folder that was indexed"
        )
    return DeletionPlan("image", keys, None, f"The crop {path}")


def plan_cluster(now: Snapshot, cluster: int) -> DeletionPlan:
    """All crops of a cluster, the most central first.

    Raises:
        SettingsError: there is no such cluster.
    """
    if cluster not in now.clusters:
        raise SettingsError(f"no cluster has the number {cluster}; look for it on the page of clusters")
    rows = now.clusters[cluster].rows.tolist()
    return DeletionPlan(
        "cluster", tuple(now.collection.keys[row] for row in rows), None, f"Cluster {cluster}"
    )


def plan_like(
    now: Snapshot,
    vectors: Float32[np.ndarray, "q d"],
    similarity: float,
    words: str,
    rounds: int | None = ROUNDS,
) -> DeletionPlan:
    """All crops of at least this cosine similarity with one of the vectors, then, for so many rounds, with those found.

    Raises:
        SettingsError: the similarity is not within -1 to 1, the rounds are below 0, or no crop reaches the similarity.
    """
    if not -1 <= similarity <= 1:
        raise SettingsError(f"similarity {similarity:g}: give a number from -1 to 1, such as 0.8")
    if rounds is not None and rounds < 0:
        raise SettingsError(f"rounds {rounds}: give 0 to search with the images alone, or 1 or more")
    alike = find_similar(lambda: _parts(now), vectors, similarity, rounds)
    if not alike.keys:
        best = f"; the nearest has {alike.near_similarities[0]:.3f}" if alike.near else ""
        raise SettingsError(f"no crop has a similarity of {similarity:g} or more{best}")
    by_round = ", then ".join(f"{count:,}" for count in alike.round_counts)
    words = f"{words}, round by round {by_round}" if len(alike.round_counts) > 1 else words
    order = sorted(range(len(alike.keys)), key=lambda place: -alike.similarities[place])
    return DeletionPlan(
        "like",
        tuple(alike.keys[place] for place in order),
        tuple(alike.similarities[place] for place in order),
        words,
        alike.near,
        threshold=similarity,
    )


def with_rest(now: Snapshot, plan: DeletionPlan) -> DeletionPlan:
    """The plan with the other crops of its clusters, so that they can be looked at."""
    going = set(plan.keys)
    rows = [now.collection.rows[key] for key in plan.keys if key in now.collection.rows]
    touched = sorted({int(cluster) for cluster in now.collection.clusters[rows]} - {NOISE, UNCLUSTERED})
    rest = [now.collection.keys[row] for number in touched for row in now.clusters[number].rows.tolist()]
    return replace(plan, rest=tuple(key for key in rest if key not in going))


def with_more(plan: DeletionPlan, also: Iterable[str]) -> DeletionPlan:
    """The plan with some of the crops that were shown beside it."""
    shown = {*plan.near, *plan.rest} - set(plan.keys)
    more = [key for key in dict.fromkeys(also) if key in shown]
    similarities = None if plan.similarities is None or more else plan.similarities
    return replace(plan, keys=(*plan.keys, *more), similarities=similarities)


def without(plan: DeletionPlan, kept: Iterable[str]) -> DeletionPlan:
    """The same but for some crops, which stay."""
    staying = set(kept)
    places = [place for place, key in enumerate(plan.keys) if key not in staying]
    similarities = None if plan.similarities is None else tuple(plan.similarities[place] for place in places)
    return replace(plan, keys=tuple(plan.keys[place] for place in places), similarities=similarities)


def _parts(now: Snapshot) -> Iterator[tuple[Sequence[str], np.ndarray]]:
    for start in range(0, len(now.collection), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        yield now.collection.keys[rows], now.collection.vectors[rows]


def preview_deletion(viewer: Viewer, plan: DeletionPlan) -> ForgetResult:
    """What carrying out a plan would remove."""
    with viewer.lock:
        return forget(viewer.gallery, Filter(keys=plan.keys), plan.by, dry_run=True, threshold=plan.threshold)


def carry_out(viewer: Viewer, maps: Maps, plan: DeletionPlan) -> ForgetResult:
    """Remove what a plan says, from the gallery, from every page and from the kept maps.

    Raises:
        GalleryError: entries are still found afterwards.
        StorageError: a place cannot be written. In both cases pages show what is left.
    """
    with viewer.lock:
        try:
            return forget(
                viewer.gallery, Filter(keys=plan.keys), plan.by, dry_run=False, threshold=plan.threshold
            )
        except ReseenError:
            left = {
                entry.key
                for part in viewer.gallery.store.scan(Filter(keys=plan.keys))
                for entry in part.entries
            }
            plan = without(plan, left)
            raise
        finally:
            if plan.keys:
                viewer.drop(plan.keys)
                maps.forget()
