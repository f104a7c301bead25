"""All crops like some images of a person: those like the images, then, round by round, those like what was found."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from jaxtyping import Float, Float32

Parts = Callable[[], Iterable[tuple[Sequence[str], Float[np.ndarray, "n d"]]]]
"""Gives all crops of a gallery anew, in parts of any size: keys, and unit vectors in the rows."""

ROUNDING = 1e-6
"""A crop is like itself whatever rounding says."""

_NEAR = 60
"""Crops right below the threshold that are shown."""


@dataclass(frozen=True)
class Alike:
    """What was found, and what nearly was."""

    keys: tuple[str, ...]
    """Those like the images first, each round the most similar first."""
    similarities: tuple[float, ...]
    """Cosine of each with the most similar image, or crop that was found in the round before, -1 to 1."""
    rounds: tuple[int, ...]
    """The round in which each was found; 0 is by the images."""
    near: tuple[str, ...]
    """The crops right below the threshold, the most similar first."""
    near_similarities: tuple[float, ...]
    exhausted: bool
    """Whether another round would find nothing new."""

    @property
    def round_counts(self) -> tuple[int, ...]:
        """How many crops each round found."""
        return tuple(np.bincount(self.rounds).tolist()) if self.rounds else ()


def find_alike(
    parts: Parts,
    images: Float32[np.ndarray, "q d"],
    threshold: float,
    rounds: int | None = None,
    kept: Collection[str] = (),
) -> Alike:
    """Crops at least as similar to one of the images as `threshold`, then to one of those found, until nothing is new.

    Every crop is compared in every round: a search by a graph may leave out a few, and nobody may be left out here.

    Args:
        parts: the gallery.
        images: unit vectors of images of the person.
        threshold: cosine, -1 to 1.
        rounds: at most so many rounds after the first, in which what was found is searched with; None is no limit.
        kept: keys of crops of other people: never found, and not searched with.
    """
    best: dict[str, float] = {}
    found: dict[str, tuple[int, float]] = {}
    asked, exhausted = images.astype(np.float32), False
    for number in count():
        new: list[np.ndarray] = []
        for keys, vectors in parts():
            similarities = (vectors.astype(np.float32) @ asked.T).max(axis=1, initial=-1.0)
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
        asked = np.stack(new)
    order = sorted(found, key=lambda key: (found[key][0], -found[key][1], key))
    near = sorted(best.keys() - found.keys() - set(kept), key=lambda key: (-best[key], key))[:_NEAR]
    return Alike(
        tuple(order),
        tuple(found[key][1] for key in order),
        tuple(found[key][0] for key in order),
        tuple(near),
        tuple(best[key] for key in near),
        exhausted,
    )
