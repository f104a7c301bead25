"""Features of one side of a retrieval, query or gallery: one vector per crop, or per tracklet."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64

from reseen.data.crops import Crops
from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.errors import DataError, SettingsError
from reseen.evaluate.tracklet_pooling import pool_tracklets
from reseen.features.extract import extract, extract_frames
from reseen.models import Encoder
from reseen.records import Features
from reseen.runs.console import Progress, no_progress


@dataclass(frozen=True)
class RetrievalFeatures:
    """Features of one side with identities; row i is one crop, or one tracklet with its first crop."""

    features: Features
    identities: Int64[np.ndarray, " n"]
    crops: Crops


@dataclass(frozen=True)
class RetrievalFeatureExtractor:
    """Extracts features of query and gallery with the same settings."""

    encoder: Encoder
    device: torch.device
    mirrored: bool
    """Average the embeddings of a crop and its mirror image."""
    pool: bool
    """One vector per tracklet: embeddings are averaged before normalization, then normalized once."""
    ranks: ProcessGroup = SINGLE_PROCESS
    """The processes that share the work."""

    def vectors(
        self, crops: Crops, progress: Progress = no_progress
    ) -> Features | Float32[np.ndarray, "n d"]:
        """Features, or unnormalized frame embeddings with `pool`; a collective call of all processes in `ranks`."""
        extract_side = extract_frames if self.pool else extract
        return extract_side(
            self.encoder, crops, self.device, progress, mirrored=self.mirrored, ranks=self.ranks
        )

    def features_of(
        self, name: str, crops: Crops, identities: Int64[np.ndarray, " n"], progress: Progress
    ) -> RetrievalFeatures:
        """The features of one side; `name` is its name in messages.

        Raises:
            DataError: `pool` is set, and the data has no tracklets.
            SettingsError: `pool` is set, and the features are raw.
        """
        if self.pool and self.encoder.raw:
            raise SettingsError("the protocol video needs unit features, but those of this run are raw")
        if self.pool and crops.tracklets is None:
            raise DataError(f"{name}: the protocol video needs tracklets, this data has none")
        vectors = self.vectors(crops, progress)
        if isinstance(vectors, Features):
            return RetrievalFeatures(vectors, identities, crops)
        assert crops.tracklets is not None  # checked above
        pooled = pool_tracklets(vectors, identities, crops.table.cameras, crops.tracklets, name)
        return RetrievalFeatures(pooled.features, pooled.identities, crops.select(pooled.first))
