"""How well an encoder tells crops apart, measured without labels: signals per crop, and the score made of them.

All signals are retrieval among the crops themselves, since that is what an encoder is for, and since it is lost where
features collapse: an encoder that sees few differences finds many crops as near as the right one.

- own view: one over the rank at which a crop is found among all crops by another view of itself.
- same neighbors: how many of its ten nearest crops stay the same when it is searched by its other view, over chance.
- tracklet: average precision of the other crops of its tracklet among all crops.
- tracklet agreement: how many of the five nearest crops from other cameras it shares with another crop of its tracklet,
  over chance.
- stand-out: how much nearer its nearest crop is than its tenth, in standard deviations of its similarities to all.
- half agreement: how many of its ten nearest crops two halves of the dimensions share, over chance; where cameras are
  known, their means are subtracted first.

Alone each of them can rise while the encoder gets worse. Features that collapse have stable neighbors, which raises
`same neighbors` and `tracklet agreement`; they lose `own view`, `tracklet` and `stand-out`. Wrong clusters cost `own
view` too. An encoder that has become deaf to cameras loses `tracklet` while it gets better, and gains on the others.
Training on arbitrary labels raises `own view` and `same neighbors`, since crops are told apart one by one; it loses
`half agreement`, since what the dimensions have in common, people, is lost. A verdict asks both: the score, and that
agreement, which is not in the score because it rises where features collapse.
The weights are chosen so that the sum follows the true mean average precision (`benchmarks/verdict_regimes.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64

from reseen.geometry import unit
from reseen.records import UNKNOWN_CAMERA, Features


@dataclass(frozen=True)
class Probe:
    """Features of crops and of other views of some of them, with what is known of the crops beside people.

    Raises:
        ValueError: the arrays do not fit together.
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
            raise ValueError(f"expected a row for each of {len(self.views)} views, got {len(self.rows)}")
        if len(self.rows) and not 0 <= int(self.rows.min()) <= int(self.rows.max()) < count:
            raise ValueError(f"rows of views must be below {count}, the number of crops")
        for name, column in (("cameras", self.cameras), ("tracklets", self.tracklets)):
            if column is not None and column.shape != (count,):
                raise ValueError(f"{name} need one value for each of {count} crops, got {column.shape}")


FEWEST_CROPS = 40
"""Fewest crops among which ranks and neighbors say something."""

HALVES = "half_agreement"
"""The signal without which nothing counts as better. It is not in the score: it rises where features collapse."""

WITH_TRACKLETS: Mapping[str, float] = {"own_view": 1.0, "tracklet": 1.0, "tracklet_agreement": 0.5}
"""Weights of the score where tracklets and cameras are known."""

WITHOUT_TRACKLETS: Mapping[str, float] = {"own_view": 1.0, "same_neighbors": 0.3, "stand_out": 0.15}
"""Weights of the score elsewhere."""

_NEIGHBORS = 10
_TRACKLET_NEIGHBORS = 5
_FEWEST_TRACKLETS = 50
"""Fewest crops with another crop in their tracklet for signals of tracklets to count."""
_UNKNOWN_TRACKLET = -1
_BLOCK = 256


def crop_signals(probe: Probe) -> dict[str, Float64[np.ndarray, " m"]]:
    """Every signal of each crop that has another view, NaN where unknown; empty for fewer than 40 crops.

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
    """The weights of the score for the signals that are known."""
    known = [signals[name] for name in ("tracklet", "tracklet_agreement") if name in signals]
    enough = bool(known) and all(np.count_nonzero(~np.isnan(values)) >= _FEWEST_TRACKLETS for values in known)
    return WITH_TRACKLETS if enough else WITHOUT_TRACKLETS


def probe_score(probe: Probe) -> float | None:
    """The label-free score of an encoder, about 0 to 1, higher is better; None for fewer than 40 crops.

    It is the weighted mean of the means of the signals. Only scores on the same crops are comparable.

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
    """Unit rows of two halves of the dimensions, drawn once and for all, without the means of cameras."""
    vectors = probe.features.numpy
    if probe.cameras is not None:
        vectors = vectors.copy()
        for camera in np.unique(probe.cameras):
            rows = probe.cameras == camera
            vectors[rows] -= vectors[rows].mean(axis=0)
    order = np.random.default_rng(0).permutation(vectors.shape[1])
    first, second = (vectors[:, part] for part in np.array_split(order, 2))
    return unit(torch.from_numpy(first)).numpy(), unit(torch.from_numpy(second)).numpy()


def _block(
    probe: Probe,
    place: Int64[np.ndarray, " b"],
    halves: tuple[Float32[np.ndarray, "n a"], Float32[np.ndarray, "n c"]],
) -> dict[str, Float64[np.ndarray, " b"]]:
    vectors, rows = probe.features.numpy, probe.rows[place]
    index, count = np.arange(len(rows)), len(vectors)
    plain, viewed = vectors[rows] @ vectors.T, probe.views.numpy[place] @ vectors.T
    rank = 1 + np.count_nonzero(viewed > viewed[index, rows][:, None], axis=1)
    deviation = np.maximum(plain.std(axis=1, dtype=np.float64), 1e-12)
    plain[index, rows] = viewed[index, rows] = -np.inf
    near = _nearest(plain, _NEIGHBORS)
    values = -np.sort(-np.take_along_axis(plain, near, axis=1), axis=1)
    by_half = []
    for half in halves:
        similarity = half[rows] @ half.T
        similarity[index, rows] = -np.inf
        by_half.append(_nearest(similarity, _NEIGHBORS))
    return {
        "own_view": 1.0 / rank,
        "same_neighbors": _over_chance(near, _nearest(viewed, _NEIGHBORS), count - 1),
        "stand_out": (values[:, 0] - values[:, -1]).astype(np.float64) / deviation,
        HALVES: _over_chance(by_half[0], by_half[1], count - 1),
        **_tracklet_signals(probe, rows, plain),
    }


def _tracklet_signals(
    probe: Probe, rows: Int64[np.ndarray, " b"], similarity: Float32[np.ndarray, "b n"]
) -> dict[str, Float64[np.ndarray, " b"]]:
    unknown = np.full(len(rows), np.nan)
    found = {"tracklet": unknown, "tracklet_agreement": unknown.copy()}
    if probe.tracklets is None:
        return found
    vectors, tracklets, cameras = probe.features.numpy, probe.tracklets, probe.cameras
    for place, row in enumerate(rows.tolist()):
        if tracklets[row] == _UNKNOWN_TRACKLET:
            continue
        mates = tracklets == tracklets[row]
        mates[row] = False
        if not mates.any():
            continue
        found["tracklet"][place] = _average_precision(similarity[place], mates)
        if cameras is None or cameras[row] == UNKNOWN_CAMERA:
            continue
        elsewhere = np.flatnonzero((cameras != cameras[row]) & (cameras != UNKNOWN_CAMERA))
        if len(elsewhere) <= 2 * _TRACKLET_NEIGHBORS:
            continue
        mate = vectors[elsewhere] @ vectors[int(np.flatnonzero(mates)[0])]
        pair = np.stack([similarity[place, elsewhere], mate])
        own, other = _nearest(pair, _TRACKLET_NEIGHBORS)
        found["tracklet_agreement"][place] = _over_chance(own[None], other[None], len(elsewhere))[0]
    return found


def _average_precision(similarity: Float32[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> float:
    """Average precision of the right rows by similarity; a wrong row stands above a right one of equal similarity."""
    values = np.sort(similarity[right])[::-1]
    wrong = np.sort(similarity[~right & np.isfinite(similarity)])
    above = len(wrong) - np.searchsorted(wrong, values, side="left")
    place = np.arange(1, len(values) + 1)
    return float(np.mean(place / (place + above)))


def _nearest(similarity: Float32[np.ndarray, "b n"], count: int) -> Int64[np.ndarray, "b k"]:
    """Columns of the largest values, in no order."""
    return np.argpartition(-similarity, count - 1, axis=1)[:, :count]


def _over_chance(
    first: Int64[np.ndarray, "b k"], second: Int64[np.ndarray, "b k"], among: int
) -> Float64[np.ndarray, " b"]:
    """Share of columns that both have, 0 for what random columns share and 1 for all."""
    count = first.shape[1]
    shared = np.array([len(np.intersect1d(one, other)) for one, other in zip(first, second, strict=True)])
    chance = count / among
    return (shared / count - chance) / (1 - chance)
