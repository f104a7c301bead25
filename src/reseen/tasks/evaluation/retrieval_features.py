"""One side of a retrieval, query or gallery: crops to features, frame by frame or one vector per tracklet."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64

from reseen.data.crops import Crops
from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.errors import DataError, SettingsError
from reseen.evaluate.tracklets import pool_tracklets
from reseen.features.extract import extract, extract_frames
from reseen.models import Encoder
from reseen.records import Features
from reseen.runs.console import Progress, no_progress


@dataclass(frozen=True)
class RetrievalFeatures:
    """Row i of all three is one crop, or one tracklet with its first crop."""

    features: Features
    identities: Int64[np.ndarray, " n"]
    crops: Crops


@dataclass(frozen=True)
class RetrievalFeatureExtractor:
    """How features are made, alike for both sides."""

    encoder: Encoder
    device: torch.device
    mirrored: bool
    pool: bool
    """One vector per tracklet: vectors before the sphere are averaged, then normalized once."""
    ranks: ProcessGroup = SINGLE_PROCESS
    """The processes that make them together."""

    def vectors(
        self, crops: Crops, progress: Progress = no_progress
    ) -> Features | Float32[np.ndarray, "n d"]:
        """Features, or frames to pool; every process of `ranks` must ask for the same."""
        make = extract_frames if self.pool else extract
        return make(self.encoder, crops, self.device, progress, self.mirrored, ranks=self.ranks)

    def make(
        self, name: str, crops: Crops, identities: Int64[np.ndarray, " n"], progress: Progress
    ) -> RetrievalFeatures:
        """A side.

        Raises:
            DataError: tracklets are asked for and the data has none.
            SettingsError: tracklets are asked for and features are raw.
        """
        if self.pool and self.encoder.raw:
            raise SettingsError("tracklets are averaged into unit vectors, this run has raw features")
        if self.pool and crops.tracklets is None:
            raise DataError(f"{name}: the protocol video needs tracklets, this data has none")
        found = self.vectors(crops, progress)
        if isinstance(found, Features):
            return RetrievalFeatures(found, identities, crops)
        assert crops.tracklets is not None  # asked above
        pooled = pool_tracklets(found, identities, crops.table.cameras, crops.tracklets, name)
        return RetrievalFeatures(pooled.features, pooled.identities, crops.select(pooled.first))
