"""One side of a retrieval, query or gallery: crops to features, frame by frame or one vector per tracklet."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64

from reseen.engine.console import Progress
from reseen.engine.crops import Crops
from reseen.engine.extract import extract, extract_frames
from reseen.errors import DataError, SettingsError
from reseen.evaluate.tracklets import pool_tracklets
from reseen.models import Encoder
from reseen.records import Features


@dataclass(frozen=True)
class Side:
    """Row i of all three is one crop, or one tracklet with its first crop."""

    features: Features
    identities: Int64[np.ndarray, " n"]
    crops: Crops


@dataclass(frozen=True)
class SideMaker:
    """How features are made, alike for both sides."""

    encoder: Encoder
    device: torch.device
    mirrored: bool
    pool: bool
    """One vector per tracklet: vectors before the sphere are averaged, then normalized once."""

    def make(self, name: str, crops: Crops, identities: Int64[np.ndarray, " n"], progress: Progress) -> Side:
        """A side.

        Raises:
            DataError: tracklets are asked for and the data has none.
            SettingsError: tracklets are asked for and features are raw.
        """
        if not self.pool:
            return Side(extract(self.encoder, crops, self.device, progress, self.mirrored), identities, crops)
        if self.encoder.raw:
            raise SettingsError("tracklets are averaged into unit vectors, this run has raw features")
        if crops.tracklets is None:
            raise DataError(f"{name}: the protocol video needs tracklets, this data has none")
        frames = extract_frames(self.encoder, crops, self.device, progress, self.mirrored)
        pooled = pool_tracklets(frames, identities, crops.table.cameras, crops.tracklets, name)
        return Side(pooled.features, pooled.identities, crops.select(pooled.first))
