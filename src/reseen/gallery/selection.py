"""Selection of the entries to delete: by path, cluster, similarity, or camera and time.

By similarity a person's crops are searched exhaustively, with rounds of relevance feedback.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from reseen.data.progress import ProgressBar
from reseen.errors import DataError, GalleryError, SettingsError
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.forget import SelectedBy
from reseen.gallery.gallery import Gallery

CropBatches = Callable[[], Iterable[tuple[Sequence[str], Float[np.ndarray, "n d"]]]]
"""A function that iterates over all crops of a gallery, in batches of keys and unit vectors; callable repeatedly."""

ROUNDING = 1e-6
"""Tolerance that keeps a crop similar to itself despite rounding."""

_NEAR = 60
"""Number of near misses that are returned."""


@dataclass(frozen=True)
class SimilarCrops:
    """Crops at or above the similarity threshold, and near misses."""

    keys: tuple[str, ...]
    """Keys of the found crops by round, within a round most similar first."""
    similarities: tuple[float, ...]
    """Cosine similarity of each with the nearest query of its round, -1 to 1."""
    rounds: tuple[int, ...]
    """Round in which each was found; 0 compares with the images only."""
    near: tuple[str, ...]
    """Keys of the nearest crops below the threshold, most similar first."""
    near_similarities: tuple[float, ...]
    """Highest cosine similarity of each near miss in any round."""
    exhausted: bool
    """Whether another round would find no new crop."""

    @property
    def round_counts(self) -> tuple[int, ...]:
        """Number of crops found in each round."""
        return tuple(np.bincount(self.rounds).tolist()) if self.rounds else ()


def find_similar(
    batches: CropBatches,
    images: Float32[np.ndarray, "q d"],
    threshold: float,
    rounds: int | None = None,
    kept: Collection[str] = (),
) -> SimilarCrops:
    """Find all crops with a similarity of at least `threshold` to an image or, in later rounds, to a crop found before.

    Every round compares all crops exactly, because an approximate search could miss some.

    Args:
        batches: the gallery, as batches of keys and vectors.
        images: unit vectors of images of the person.
        threshold: cosine similarity, -1 to 1.
        rounds: maximum number of feedback rounds after round 0; None continues until no new crop is found.
        kept: keys of other people's crops, which are never found nor used as queries.
    """
    best: dict[str, float] = {}
    found: dict[str, tuple[int, float]] = {}
    queries, exhausted = images.astype(np.float32), False
    for number in count():
        new: list[np.ndarray] = []
        for keys, vectors in batches():
            similarities = (vectors.astype(np.float32) @ queries.T).max(axis=1, initial=-1.0)
            for row, (key, similarity) in enumerate(zip(keys, similarities.tolist(), strict=True)):
                if key in found:
                    continue
                best[key] = max(similarity, best.get(key, -1.0))
                if similarity >= threshold - ROUNDING and key not in kept:
                    found[key] = number, similarity
                    new.append(vectors[row].astype(np.float32))
        exhausted = not new
        if exhausted or number == rounds:
            break
        queries = np.stack(new)
    order = sorted(found, key=lambda key: (found[key][0], -found[key][1], key))
    near = sorted(best.keys() - found.keys() - set(kept), key=lambda key: (-best[key], key))[:_NEAR]
    return SimilarCrops(
        tuple(order),
        tuple(found[key][1] for key in order),
        tuple(found[key][0] for key in order),
        tuple(near),
        tuple(best[key] for key in near),
        exhausted,
    )


ROUNDS = 1
"""Default number of feedback rounds; measured in docs/security.md."""


@dataclass(frozen=True)
class Selection:
    """A filter for the selected entries, and how they were selected."""

    by: SelectedBy
    where: Filter
    similar: SimilarCrops | None = None
    """The similarity search, if `by` is `like`; else None."""
    threshold: float | None = None
    """Cosine threshold of that search."""


def select_entries(
    gallery: Gallery,
    images: Sequence[str] | None = None,
    clusters: Sequence[int] | None = None,
    like: Sequence[str | Path | bytes] | None = None,
    threshold: float | None = None,
    *,
    rounds: int | None = ROUNDS,
    kept: Sequence[str] = (),
    people: Sequence[str] = (),
    among: Filter = EVERYTHING,
) -> Selection:
    """Select entries by one of: paths, clusters, similarity to images, people, or `among` alone.

    Args:
        gallery: the gallery to select from.
        images: paths of crops below their source folder.
        clusters: cluster numbers.
        like: images of one person.
        threshold: with `like`, the cosine threshold; by default the calibrated one, at medium or high trust.
        rounds: with `like`, feedback rounds that search with the crops found so far; None continues until no new crop
            is found.
        kept: with `like`, paths of other people's crops, which are excluded.
        people: people of the gallery by number or name.
        among: filter on cameras and times; the selection itself if nothing else is given.

    Raises:
        SettingsError: no or several criteria, a value out of range, or an option of another criterion.
        GalleryError: `like` without a threshold, and none of medium or high trust is known; or nobody has a name.
        DataError: an image of `like` is unusable, or a path of `kept` is not in the gallery.
    """
    criteria = sum(bool(criterion) for criterion in (images, clusters, like, people))
    if criteria > 1 or (not criteria and among.everything):
        raise SettingsError(
            "select crops by exactly one of --image, --cluster, --like and --person, or by --camera, --before and "
            "--after alone"
        )
    if threshold is not None and (not like or not -1 <= threshold <= 1):
        raise SettingsError(f"--threshold {threshold}: must be a cosine from -1 to 1, given beside --like")
    if kept and not like:
        raise SettingsError("--keep excludes crops from --like; give it beside --like")
    if rounds is not None and rounds < 0:
        raise SettingsError(
            f"--rounds {rounds}: give 0 to compare with the images only, or the number of feedback rounds"
        )
    if images:
        return Selection("image", replace(among, images=tuple(images)))
    if clusters:
        return Selection("cluster", replace(among, clusters=tuple(clusters)))
    if people:
        keys = tuple(key for name in people for key in gallery.people.find(name).keys)
        return Selection("person", replace(among, keys=keys))
    if not like:
        return Selection("filter", among)
    threshold = _threshold(gallery, threshold)
    vectors = np.stack([gallery.embed(image) for image in like])
    label = f"comparing crops{'' if rounds == 0 else ', round by round'}"
    similar = find_similar(
        lambda: _parts(gallery, among, label), vectors, threshold, rounds, _keys(gallery, kept)
    )
    return Selection("like", Filter(keys=similar.keys), similar, threshold)


def _threshold(gallery: Gallery, threshold: float | None) -> float:
    if threshold is not None:
        return threshold
    if gallery.calibration is None or gallery.calibration.threshold is None:
        raise GalleryError(
            f"no similarity threshold is known ({gallery.why_uncalibrated or gallery.calibration_text}); answer more "
            "questions in `reseen view`, or give --threshold"
        )
    return gallery.calibration.threshold


def _parts(gallery: Gallery, among: Filter, label: str) -> Iterator[tuple[list[str], np.ndarray]]:
    with ProgressBar(label, gallery.store.describe().count, show=True) as bar:
        for part in gallery.store.scan(among):
            yield [entry.key for entry in part.entries], part.vectors
            bar.advance(len(part))


def _keys(gallery: Gallery, images: Sequence[str]) -> Collection[str]:
    """Keys of crops given by their paths."""
    if not images:
        return ()
    entries = [entry for part in gallery.store.scan(Filter(images=tuple(images))) for entry in part.entries]
    missing = set(images) - {entry.image for entry in entries}
    if missing:
        raise DataError(
            f"{min(missing)}: no crop in this gallery has this path; give it as shown on the page"
        )
    return frozenset(entry.key for entry in entries)
