"""Content of the pages: plain values and crops, with nothing left to load or compute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, UInt8

Crop = UInt8[np.ndarray, "h w 3"]
"""An RGB image, 0 to 255, at the size in which it is shown."""


class Leaf(NamedTuple):
    """One leaf of a dendrogram: a crop, or the representative of a branch."""

    image: Crop
    label: str
    """A few characters under the crop, such as its camera."""
    words: str
    """The tooltip."""


@dataclass(frozen=True)
class CropTree:
    """The dendrogram of a cluster's crops."""

    matrix: Float64[np.ndarray, "k_minus_1 4"]
    """SciPy's linkage matrix, with nondecreasing heights."""
    leaves: Sequence[Leaf]
    """The leaves in the order of the matrix."""
    heights: str
    """Meaning of the heights, such as `merge cost`."""
    note: str = ""
    """A sentence under the dendrogram."""


class ClusterSheet(NamedTuple):
    """Crops of one cluster."""

    title: str
    images: Sequence[Crop]
    note: str = ""
    """A short text under the title."""
    words: Sequence[str] = ()
    """Captions of the crops, shown as tooltips; if empty, their position."""
    tree: CropTree | None = None
    """The dendrogram, in a collapsed section."""


class RankedAnswer(NamedTuple):
    """One result in a ranked list."""

    image: Crop
    right: bool
    """Whether it shows the query's person."""
    camera: str
    """A label such as `camera 3`; empty if unknown."""


@dataclass(frozen=True)
class RankedList:
    """A query and its top results, best first."""

    query: Crop
    answers: Sequence[RankedAnswer | tuple[Crop, bool, str]]
    title: str = ""
    """A description of the query, such as its camera."""
    heading: str = ""
    """A line above the list, such as how hard the query is."""


class Strip(NamedTuple):
    """Images of one crop side by side."""

    frames: Sequence[tuple[Crop, str]]
    """Images with their captions."""


@dataclass(frozen=True)
class Insight:
    """A visualization of what a method learned."""

    title: str
    note: str
    strips: Sequence[Strip] = ()
    ranked: Sequence[RankedList] = ()
    """Crops with neighbors, marked as correct or wrong."""


@dataclass(frozen=True)
class ReportContent:
    """Content of the report of a run; empty parts are omitted."""

    title: str
    settings: str = ""
    """All settings of the run, as YAML."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Name to value, such as versions, hardware and number of images."""
    rounds: Sequence[Mapping[str, Any]] = ()
    """Lines of the run log. Plotted where present: `round`, `losses` (name to number), `clusters`,
    `noise_share` (0 to 1), `smallest`, `median_size` and `largest` (images in a cluster),
    `images_per_second`, `seconds`; the table also has all other numbers."""
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name to `RetrievalScore.to_json()`, oldest first; the last is the result, compared with the first."""
    sheets: Sequence[ClusterSheet | tuple[str, Sequence[Crop]]] = ()
    """Sample clusters."""
    ranked: Sequence[RankedList] = ()
    """Sample queries with their results."""
    insights: Sequence[Insight] = ()
    """Visualizations of what the method learned."""
    note: str = ""
    """A sentence under the title."""
    verdict: Sequence[str] = ()
    """How the encoder compares with its starting weights without labels, and why training ended early."""
