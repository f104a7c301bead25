"""Exhaustive similarity search for a person's crops, with rounds of relevance feedback."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from jaxtyping import Float, Float32

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
