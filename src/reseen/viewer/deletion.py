"""Forgetting in two steps: a plan that can be looked at, and carrying out exactly what was looked at."""

import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from jaxtyping import Float32

from reseen.errors import ReseenError, SettingsError
from reseen.gallery.filter import Filter
from reseen.gallery.forget import By, Forgotten, forget
from reseen.viewer.maps import Maps
from reseen.viewer.viewer import Snapshot, Viewer

_MOST_PLANS = 16


@dataclass(frozen=True)
class DeletionPlan:
    """What would be forgotten."""

    by: By
    keys: tuple[str, ...]
    """The most similar first, where they were chosen by similarity."""
    similarities: tuple[float, ...] | None
    """Of each with what they were chosen by."""
    words: str
    """How they were chosen."""


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
    now: Snapshot, vector: Float32[np.ndarray, " d"], similarity: float, words: str
) -> DeletionPlan:
    """All crops of at least this cosine similarity with a vector; every one is compared.

    Raises:
        SettingsError: the similarity is not within -1 to 1, or no crop reaches it.
    """
    if not -1 <= similarity <= 1:
        raise SettingsError(f"similarity {similarity:g}: give a number from -1 to 1, such as 0.8")
    found = now.collection.vectors.astype(np.float32) @ vector.astype(np.float32)
    # A crop is like itself whatever rounding says.
    rows = np.flatnonzero(found >= similarity - 1e-6)
    if not len(rows):
        best = f"; the nearest has {found.max():.3f}" if len(found) else ""
        raise SettingsError(f"no crop has a similarity of {similarity:g} or more{best}")
    rows = rows[np.argsort(-found[rows], kind="stable")]
    return DeletionPlan(
        "like",
        tuple(now.collection.keys[row] for row in rows),
        tuple(float(found[row]) for row in rows),
        words,
    )


def without(plan: DeletionPlan, kept: Iterable[str]) -> DeletionPlan:
    """The same but for some crops, which stay."""
    staying = set(kept)
    places = [place for place, key in enumerate(plan.keys) if key not in staying]
    similarities = None if plan.similarities is None else tuple(plan.similarities[place] for place in places)
    return replace(plan, keys=tuple(plan.keys[place] for place in places), similarities=similarities)


def preview_deletion(viewer: Viewer, plan: DeletionPlan) -> Forgotten:
    """What carrying out a plan would remove."""
    with viewer.lock:
        return forget(viewer.gallery, Filter(keys=plan.keys), plan.by, dry_run=True)


def carry_out(viewer: Viewer, maps: Maps, plan: DeletionPlan) -> Forgotten:
    """Remove what a plan says, from the gallery, from every page and from the kept maps.

    Raises:
        GalleryError: entries are still found afterwards.
        StorageError: a place cannot be written. In both cases pages show what is left.
    """
    with viewer.lock:
        try:
            return forget(viewer.gallery, Filter(keys=plan.keys), plan.by, dry_run=False)
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
