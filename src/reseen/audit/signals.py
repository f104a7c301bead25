"""Label-free measures of how well an encoder discriminates crops: signals per crop, and a score that combines them.

All signals measure retrieval among the crops themselves, because this is the encoder's task, and because it fails if
features collapse: many crops are then as similar as the correct one.

- own view: reciprocal rank of a crop among all crops, searched with another view of itself.
- same neighbors: overlap of its ten nearest crops when searched with either view, corrected for chance.
- tracklet: average precision of the other crops of its tracklet among all crops.
- tracklet agreement: overlap of its five nearest crops from other cameras with those of another crop of its tracklet,
  corrected for chance.
- stand-out: similarity of its nearest crop minus that of its tenth, in standard deviations of its similarities to all.
- half agreement: overlap of its ten nearest crops by two halves of the principal components, corrected for chance; if
  cameras are known, their means are subtracted first.

Each signal alone can rise while the encoder gets worse. Collapsed features have stable neighbors, which raises `same
neighbors` and `tracklet agreement`, but lowers `own view`, `tracklet` and `stand-out`. Wrong clusters also lower `own
view`. An encoder that becomes invariant to cameras loses `tracklet` while it improves, and gains on the others.
Training on arbitrary labels raises `own view` and `same neighbors`, because it discriminates single crops; it lowers
`half agreement`, because the components no longer share information about people. A verdict requires both the score and
the half agreement. The latter is not part of the score, because it rises if features collapse.

The weights are chosen so that the score follows the true mean average precision (`benchmarks/verdict_regimes.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from reseen.audit.half_agreement import NEIGHBORS, component_halves, nearest_neighbors, overlap_over_chance
from reseen.records import UNKNOWN_CAMERA, Features


@dataclass(frozen=True)
class Probe:
    """Features of n crops, features of another view of m of them, and their cameras and tracklets; no identities.

    Raises:
        ValueError: the lengths of the arrays do not match.

    Example:
        >>> probe = Probe(features, views, rows=np.arange(len(views)), cameras=crops.cameras)
    """

    features: Features
    """Unit features of n crops."""
    views: Features
    """Unit features of another view of the crops `rows`."""
    rows: Int64[np.ndarray, " m"]
    """Rows of the crops that have another view, ascending."""
    cameras: Int64[np.ndarray, " n"] | None = None
    """Camera indices, -1 where unknown; None without any."""
    tracklets: Int64[np.ndarray, " n"] | None = None
    """Tracklet indices, -1 where unknown; None without any."""

    def __post_init__(self) -> None:
        count = len(self.features)
        if len(self.rows) != len(self.views):
            raise ValueError(f"expected a row for each of {len(self.views)} views, got {len(self.rows)} rows")
        if len(self.rows) and not 0 <= int(self.rows.min()) <= int(self.rows.max()) < count:
            raise ValueError(f"rows of views must be below {count}, the number of crops")
        for name, column in (("cameras", self.cameras), ("tracklets", self.tracklets)):
            if column is not None and column.shape != (count,):
                raise ValueError(f"{name} need one value for each of {count} crops, got {column.shape}")


FEWEST_CROPS = 40
"""Minimum number of crops; among fewer, ranks and neighbors are not informative."""

HALVES = "half_agreement"
"""The signal that must rise, besides the score, for `better`. It is not in the score: it rises if features collapse."""

WITH_TRACKLETS: Mapping[str, float] = {"own_view": 1.0, "tracklet": 1.0, "tracklet_agreement": 0.5}
"""Weights of the score if tracklets and cameras are known."""

WITHOUT_TRACKLETS: Mapping[str, float] = {"own_view": 1.0, "same_neighbors": 0.3, "stand_out": 0.15}
"""Weights of the score otherwise."""

_TRACKLET_NEIGHBORS = 5
_FEWEST_TRACKLETS = 50
"""Minimum number of crops with another crop in their tracklet, for signals of tracklets to be used."""
_UNKNOWN_TRACKLET = -1
_BLOCK = 256


def crop_signals(probe: Probe) -> dict[str, Float64[np.ndarray, " m"]]:
    """All signals by name, for each of the m crops with another view; NaN if unknown; empty for fewer than 40 crops.

    Example:
        >>> {name: np.nanmean(values) for name, values in crop_signals(probe).items()}
    """
    if len(probe.features) < FEWEST_CROPS or not len(probe.rows):
        return {}
    halves = _halves(probe)
    blocks = [
        _block(probe, np.arange(begin, min(begin + _BLOCK, len(probe.rows))), halves)
        for begin in range(0, len(probe.rows), _BLOCK)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def score_weights(signals: Mapping[str, Float64[np.ndarray, " m"]]) -> Mapping[str, float]:
    """The weights of the score: `WITH_TRACKLETS` if both signals of tracklets are known for 50 crops or more."""
    known = [signals[name] for name in ("tracklet", "tracklet_agreement") if name in signals]
    enough = bool(known) and all(np.count_nonzero(~np.isnan(values)) >= _FEWEST_TRACKLETS for values in known)
    return WITH_TRACKLETS if enough else WITHOUT_TRACKLETS


def probe_score(probe: Probe) -> float | None:
    """The label-free score of an encoder, about 0 to 1, higher is better; None for fewer than 40 crops.

    The score is the weighted mean of the signals' means. Only scores on the same crops are comparable.

    Example:
        >>> probe_score(probe_encoder(run.encoder(), crops, device))
    """
    signals = crop_signals(probe)
    if not signals:
        return None
    weights = score_weights(signals)
    total = sum(weight * float(np.nanmean(signals[name])) for name, weight in weights.items())
    return total / sum(weights.values())


def _halves(probe: Probe) -> tuple[Float32[np.ndarray, "n a"], Float32[np.ndarray, "n c"]]:
    """Unit vectors of both halves of the principal components, after subtracting camera means."""
    vectors = probe.features.numpy
    if probe.cameras is not None:
        vectors = vectors.copy()
        for camera in np.unique(probe.cameras):
            rows = probe.cameras == camera
            vectors[rows] -= vectors[rows].mean(axis=0)
    return component_halves(vectors)


def _block(
    probe: Probe,
    queries: Int64[np.ndarray, " b"],
    halves: tuple[Float32[np.ndarray, "n a"], Float32[np.ndarray, "n c"]],
) -> dict[str, Float64[np.ndarray, " b"]]:
    """The signals of a block of queries, given as indices of `probe.rows`."""
    vectors, rows = probe.features.numpy, probe.rows[queries]
    index, count = np.arange(len(rows)), len(vectors)
    plain, viewed = vectors[rows] @ vectors.T, probe.views.numpy[queries] @ vectors.T
    rank = 1 + np.count_nonzero(viewed > viewed[index, rows][:, None], axis=1)
    deviation = np.maximum(plain.std(axis=1, dtype=np.float64), 1e-12)
    plain[index, rows] = viewed[index, rows] = -np.inf
    near = _nearest(plain, NEIGHBORS)
    first, second = (nearest_neighbors(half, rows) for half in halves)
    values = -np.sort(-np.take_along_axis(plain, near, axis=1), axis=1)
    return {
        "own_view": 1.0 / rank,
        "same_neighbors": overlap_over_chance(near, _nearest(viewed, NEIGHBORS), count - 1),
        "stand_out": (values[:, 0] - values[:, -1]).astype(np.float64) / deviation,
        HALVES: overlap_over_chance(first, second, count - 1),
        **_tracklet_signals(probe, rows, plain),
    }


def _tracklet_signals(
    probe: Probe, rows: Int64[np.ndarray, " b"], similarity: Float32[np.ndarray, "b n"]
) -> dict[str, Float64[np.ndarray, " b"]]:
    """The signals of tracklets for some rows; NaN for rows without another crop in their tracklet."""
    unknown = np.full(len(rows), np.nan)
    signals = {"tracklet": unknown, "tracklet_agreement": unknown.copy()}
    if probe.tracklets is None:
        return signals
    vectors, tracklets, cameras = probe.features.numpy, probe.tracklets, probe.cameras
    for index, row in enumerate(rows.tolist()):
        if tracklets[row] == _UNKNOWN_TRACKLET:
            continue
        positives = tracklets == tracklets[row]
        positives[row] = False
        if not positives.any():
            continue
        signals["tracklet"][index] = _average_precision(similarity[index], positives)
        if cameras is None or cameras[row] == UNKNOWN_CAMERA:
            continue
        elsewhere = np.flatnonzero((cameras != cameras[row]) & (cameras != UNKNOWN_CAMERA))
        if len(elsewhere) <= 2 * _TRACKLET_NEIGHBORS:
            continue
        positive = vectors[elsewhere] @ vectors[int(np.flatnonzero(positives)[0])]
        pair = np.stack([similarity[index, elsewhere], positive])
        own, other = _nearest(pair, _TRACKLET_NEIGHBORS)
        signals["tracklet_agreement"][index] = overlap_over_chance(own[None], other[None], len(elsewhere))[0]
    return signals


def _average_precision(similarity: Float32[np.ndarray, " n"], positives: Bool[np.ndarray, " n"]) -> float:
    """Average precision of the positives by similarity; ties are broken pessimistically."""
    values = np.sort(similarity[positives])[::-1]
    negatives = np.sort(similarity[~positives & np.isfinite(similarity)])
    above = len(negatives) - np.searchsorted(negatives, values, side="left")
    rank = np.arange(1, len(values) + 1)
    return float(np.mean(rank / (rank + above)))


def _nearest(similarity: Float32[np.ndarray, "b n"], count: int) -> Int64[np.ndarray, "b k"]:
    """Columns of the `count` largest values of each row, unordered."""
    return np.argpartition(-similarity, count - 1, axis=1)[:, :count]
