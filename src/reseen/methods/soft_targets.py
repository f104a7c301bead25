"""Soft targets of the contrast with centroids: part of each target goes to the clusters of the crop's neighbors.

Neighbors are searched for once per round, among the features that are clustered.

References: Lin et al., "Unsupervised person re-identification via softened similarity learning", CVPR 2020; Cho et al.,
"Part-based pseudo label refinement for unsupervised person re-identification", CVPR 2022.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Int64
from pydantic import Field, field_validator
from torch import Tensor

from reseen.conditions import Above, AtLeast, When
from reseen.config import Settings
from reseen.losses import spread_targets
from reseen.methods.base import MethodContext
from reseen.neighbors import CredibleSettings, JaccardSettings, credible_neighbors
from reseen.records import NOISE, Features, PseudoLabels, to_index_tensor


class SoftTargetsSettings(Settings):
    """Settings of the soft targets; disabled by default."""

    share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the target that is spread over the clusters of a crop's neighbors; 0 disables it."""

    neighbors: Annotated[int, Field(ge=1), When(share=Above(0))] = 10
    """Number of nearest neighbors of a crop."""

    distance: Annotated[Literal["cosine", "jaccard"], When(share=Above(0))] = "cosine"
    """Which crops are nearest: by cosine, or by the Jaccard distance of their neighbors."""

    jaccard: Annotated[JaccardSettings, When(share=Above(0), distance="jaccard")] = JaccardSettings()
    """The Jaccard distance."""

    from_round: Annotated[int, Field(ge=1), When(share=Above(0))] = 2
    """First round with soft targets; neighbors of untrained features depend more on cameras than on people."""

    @field_validator("jaccard")
    @classmethod
    def _has_numbers(cls, value: JaccardSettings) -> JaccardSettings:
        if "auto" in (value.k1, value.k2):
            raise ValueError("k1 and k2 of soft targets need numbers, such as 20 and 6")
        return value

    def recipe_conditions(self, path: str) -> Mapping[str, When]:
        """Training must reach the first round; `path`: the settings' path in a recipe."""
        return {f"{path}.share": When({"train.rounds": AtLeast(self.from_round)})}


class SoftTargets:
    """Target distributions over the clusters of a round.

    Example:
        >>> soft = SoftTargets(settings, context)
        >>> soft.begin_round(features, clustering.labels, number=2)
        >>> soft_cross_entropy(logits, soft.targets(labels, rows, clusters=logits.shape[1]))
    """

    def __init__(self, settings: SoftTargetsSettings, context: MethodContext) -> None:
        self._settings = settings
        self._context = context
        self._neighbor_labels: Int64[Tensor, "n k"] | None = None

    def begin_round(self, features: Features, labels: PseudoLabels, number: int) -> None:
        """Find the clusters of each row's neighbors, in the round with this number, from 1."""
        self._neighbor_labels = None
        if self._settings.share and number >= self._settings.from_round and len(features) > 1:
            neighbors = self._context.run_on_main(lambda: self._nearest(features))
            found = np.where(neighbors >= 0, labels.labels[neighbors], NOISE)
            self._neighbor_labels = to_index_tensor(found).to(self._context.device)

    def targets(
        self, labels: Int64[Tensor, " b"], rows: Int64[Tensor, " b"], clusters: int
    ) -> Float[Tensor, "b c"] | None:
        """Target distributions of training rows with these labels; None before the first round of soft targets."""
        if self._neighbor_labels is None:
            return None
        return spread_targets(labels, self._neighbor_labels[rows], clusters, self._settings.share)

    def _nearest(self, features: Features) -> Int64[np.ndarray, "n k"]:
        """The nearest other rows of each row, padded with -1."""
        settings, count = self._settings, min(self._settings.neighbors, len(features) - 1)
        if settings.distance == "cosine":
            nearest = CredibleSettings(count=count, threshold=-1, mutual=False)
        else:
            nearest = CredibleSettings(
                count=count, threshold=_LEAST_SHARED, mutual=False, source="shared", jaccard=settings.jaccard
            )
        return credible_neighbors(features, nearest, self._context.device.type)


_LEAST_SHARED = 0.05
"""Rows that share a smaller part of their neighbors with a row are none of its nearest by the Jaccard distance."""
