"""Probe an encoder: embed crops as they are, and other views of some of them, to be judged without labels."""

import numpy as np
import torch
from jaxtyping import Int64
from torch import Generator, nn

from reseen.audit import Probe
from reseen.cluster import group_near_copies
from reseen.data.crops import Crops, thumbnails
from reseen.data.views import AugmentationSettings, shift_and_flip
from reseen.features.extract import extract
from reseen.features.feature_cache import FeatureCache
from reseen.geometry import unit
from reseen.records import Features, to_index_tensor
from reseen.runs.console import Progress, no_progress

MOST_CROPS = 8_000
"""Most crops that a probe embeds as they are: evenly spaced, so that those of a camera and a time stay together."""

VIEWED_CROPS = 1_000
"""Most crops that another view is embedded of."""

VIEW = AugmentationSettings(flip=0.5, pad=10 / 256, erasing=0.0)
"""Augmentation of a view: random flip, and a shift by up to a twenty-fifth of the height."""


def spaced_rows(count: int) -> Int64[np.ndarray, " n"]:
    """All rows of so many crops, or 8,000 evenly spaced ones."""
    if count <= MOST_CROPS:
        return np.arange(count)
    return np.linspace(0, count - 1, MOST_CROPS).round().astype(np.int64)


def probed_rows(crops: Crops, progress: Progress = no_progress) -> Int64[np.ndarray, " n"]:
    """The rows that a probe embeds: all, or 8,000 evenly spaced ones, and of near-copies the first.

    The nearest crops of a crop with near-copies are these, with any encoder: where most crops have some, signals of
    near-copies would not change with training. `progress` is called with the number of crops just looked at.
    """
    rows = spaced_rows(len(crops))
    spaced = crops.select(rows)
    return rows[np.unique(group_near_copies(thumbnails(spaced, progress), spaced.cameras))]


def probe_encoder(
    encoder: nn.Module,
    crops: Crops,
    device: torch.device,
    features: Features | None = None,
    progress: Progress = no_progress,
    *,
    rows: Int64[np.ndarray, " n"] | None = None,
    cache: FeatureCache | None = None,
) -> Probe:
    """Embed the crops and another view of up to 1,000 of them; the same crops and views for every encoder.

    `rows` are the crops that are embedded, `probed_rows(crops)` if None. `features` are those of all crops where they
    are known already, as in a round of training; `cache` is that of the encoder and the crops.

    Example:
        >>> rows = probed_rows(crops)
        >>> start, trained = (probe_encoder(run.encoder(untrained=u), crops, device, rows=rows) for u in (True, False))
    """
    probed = probed_rows(crops) if rows is None else rows
    crops = crops.select(probed)
    if features is None:
        features = extract(encoder, crops, device, progress, cache=cache)
    else:
        features = Features(features.vectors[to_index_tensor(probed)], features.raw)
    viewed = np.sort(np.random.default_rng(0).permutation(len(crops))[:VIEWED_CROPS])
    generator = Generator().manual_seed(0)
    views = extract(
        encoder,
        crops.select(viewed),
        device,
        transform=lambda images: shift_and_flip(images, VIEW, generator),
    )
    return Probe(_directions(features), _directions(views), viewed, crops.cameras, crops.tracklets)


def _directions(features: Features) -> Features:
    return Features(unit(features.vectors)) if features.raw else features
