"""What a report is made of: plain values and crops, nothing that has to be loaded or computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, UInt8

Crop = UInt8[np.ndarray, "h w 3"]
"""RGB, 0 to 255, at its natural size."""


class Leaf(NamedTuple):
    """One crop at the foot of a tree."""

    image: Crop
    label: str
    """A sign or two under the crop, such as its camera."""
    words: str
    """What to say about it under the pointer."""


@dataclass(frozen=True)
class CropTree:
    """How the crops of a cluster were joined, to be drawn."""

    matrix: Float64[np.ndarray, "k_minus_1 4"]
    """SciPy's linkage matrix; heights never fall."""
    leaves: Sequence[Leaf]
    """One for each leaf of the matrix, in its order."""
    heights: str
    """What a height is, such as `merge cost`."""
    note: str = ""
    """A sentence under the tree."""


class ClusterSheet(NamedTuple):
    """Some crops that were taken for one person."""

    title: str
    images: Sequence[Crop]
    note: str = ""
    """A few words under the title."""
    words: Sequence[str] = ()
    """What to say about each crop under the pointer; its place where there are none."""
    tree: CropTree | None = None
    """Drawn when it is asked for."""


class RankedAnswer(NamedTuple):
    """One gallery crop in a ranked list; `camera` is a few words such as `camera 3`."""

    image: Crop
    right: bool
    camera: str


@dataclass(frozen=True)
class RankedList:
    """A query and its first answers, best first."""

    query: Crop
    answers: Sequence[RankedAnswer | tuple[Crop, bool, str]]
    title: str = ""
    """A few words on the query, such as its camera."""


class Strip(NamedTuple):
    """Pictures of one crop side by side."""

    frames: Sequence[tuple[Crop, str]]
    """Each with a word or two under it."""


@dataclass(frozen=True)
class Insight:
    """What a method looks at, in pictures."""

    title: str
    note: str
    strips: Sequence[Strip] = ()
    ranked: Sequence[RankedList] = ()
    """Or crops with others beside them, right and wrong ones marked."""


@dataclass(frozen=True)
class ReportContent:
    """Everything on the page; an empty part is left out of it."""

    title: str
    settings: str = ""
    """The run's full settings as YAML."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Versions, hardware, counts of images: what to call it, and what it is."""
    rounds: Sequence[Mapping[str, Any]] = ()
    """Lines of the run log. Drawn where present: `round`, `losses` (name to number), `clusters`,
    `noise_share` (0 to 1), `smallest`, `median_size` and `largest` (images in a cluster),
    `images_per_second`, `seconds`; the table of the page has every other number too."""
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name to `RetrievalScore.to_json()`, oldest first; the last is the result, compared to the first."""
    sheets: Sequence[ClusterSheet | tuple[str, Sequence[Crop]]] = ()
    """Clusters to look at."""
    ranked: Sequence[RankedList] = ()
    """Queries to look at."""
    insights: Sequence[Insight] = ()
    """What the method looks at."""
    note: str = ""
    """A sentence under the title."""
