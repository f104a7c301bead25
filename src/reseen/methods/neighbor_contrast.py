"""Contrast of a feature with the nearest crops of its own, beside that with the centroids of clusters.

Each round finds the mutual neighbors of every crop among the features that are clustered, and fills a memory bank with
one row per crop. A crop of a batch is pulled to the rows of its neighbors and pushed from all others, except those that
may be the same person: crops of its cluster, and nearest crops that are not mutual. Each batch updates its rows.

Reference: Zhong et al., "Invariance matters: exemplar memory for domain adaptive person re-identification", CVPR 2019.
"""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from reseen.conditions import Above, AtLeast, When
from reseen.config import Settings
from reseen.losses import neighbor_contrast
from reseen.memory import InstanceBank
from reseen.methods.base import MethodContext
from reseen.neighbors import is_mutual, nearest
from reseen.records import Features, PseudoLabels, to_index_tensor


class NeighborContrastSettings(Settings):
    """Settings of the contrast with nearest crops; disabled by default."""

    weight: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the contrast with nearest crops; 0 disables it."""

    neighbors: Annotated[int, Field(ge=1), When(weight=Above(0))] = 15
    """Two crops are neighbors if each is among so many nearest of the other; fewer in a smaller pool."""

    temperature: Annotated[float, Field(gt=0), When(weight=Above(0))] = 0.05
    """Divides similarities before the softmax; smaller is harder."""

    momentum: Annotated[float, Field(ge=0, le=1), When(weight=Above(0))] = 0.2
    """Weight of a crop's old memory row in its update."""

    from_round: Annotated[int, Field(ge=1), When(weight=Above(0))] = 2
    """First round with it; neighbors of untrained features depend more on cameras than on people."""

    def recipe_conditions(self, path: str) -> Mapping[str, When]:
        """Training must reach the first round; `path`: the settings' path in a recipe."""
        return {f"{path}.weight": When({"train.rounds": AtLeast(self.from_round)})}


class NeighborContrast:
    """The neighbors and the memory bank of a round.

    Example:
        >>> neighbors = NeighborContrast(settings, context)
        >>> neighbors.begin_round(features, clustered, clustering.labels, number=2)
        >>> terms = neighbors.terms(batch_features, batch.rows)
    """

    def __init__(self, settings: NeighborContrastSettings, context: MethodContext) -> None:
        self._settings = settings
        self._context = context
        self._bank: InstanceBank | None = None
        self._nearest = self._mutual = self._labels = torch.empty(0, dtype=torch.long)

    def begin_round(self, features: Features, clustered: Features, labels: PseudoLabels, number: int) -> None:
        """Find neighbors and fill the bank, in the round with this number, from 1.

        `features` fill the bank; among `clustered`, centered by camera where that is set, neighbors are found.
        """
        self._bank = None
        if not self._settings.weight or number < self._settings.from_round or len(features) < 2:
            return
        device = self._context.device
        found = self._context.run_on_main(lambda: self._search(clustered))
        self._nearest = to_index_tensor(found).to(device)
        self._mutual = to_index_tensor(np.where(is_mutual(found), found, -1)).to(device)
        self._labels = to_index_tensor(labels.labels).to(device)
        self._bank = InstanceBank(features.vectors, device)

    def terms(
        self, features: Float[Tensor, "b d"], rows: Int64[Tensor, " b"]
    ) -> dict[str, Float[Tensor, ""]]:
        """The weighted loss `neighbors` of unit features of clustered training rows; empty before its first round.

        A crop is in its own cluster, so that its own memory row is left out with those of the cluster.
        """
        if self._bank is None:
            return {}
        excluded = self._labels[rows, None] == self._labels[None, :]
        excluded.scatter_(1, self._nearest[rows], True)
        loss = neighbor_contrast(
            features, self._bank.vectors, self._mutual[rows], excluded, self._settings.temperature
        )
        return {"neighbors": self._settings.weight * loss}

    def after_step(self, features: Float[Tensor, "b d"], rows: Int64[Tensor, " b"]) -> None:
        """Update the bank with the features of the batch."""
        if self._bank is not None:
            self._bank.update(features, rows, self._settings.momentum)

    def _search(self, features: Features) -> Int64[np.ndarray, "n k"]:
        """The nearest other rows of each row."""
        count = min(self._settings.neighbors, len(features) - 1)
        return nearest(features, count + 1, self._context.device.type).indices[:, 1:]
