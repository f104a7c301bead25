"""The lookup table of the exclusive loss: one row per cluster, zero until a sample of the cluster has been seen.

Reference: Xiao et al., "Joint detection and identification feature learning for person search", CVPR 2017, section
3.2; Lin et al., "A bottom-up clustering approach to unsupervised person re-identification", AAAI 2019, eq. 2, in the
form of the authors' correction: rows start at zero in every merging step, so that the previous partition, whose rows
belong to other clusters, does not leak into the next.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from reseen.geometry import unit
from reseen.memory.sequential_ema import sequential_ema


class LookupTable:
    """`vectors` of shape (c, d) without gradients: unit rows, or zero where no sample of the cluster has been seen.

    With `raw`, rows are running means that are not normalized.

    Example:
        table = LookupTable(clusters, features.shape[1], momentum=0.5, device=features.device)
        loss = cluster_contrast(features, labels, table.vectors, temperature=0.1)
        table.update(features, labels)
    """

    def __init__(
        self, clusters: int, dimension: int, momentum: float, device: torch.device, raw: bool = False
    ) -> None:
        self.vectors = torch.zeros(clusters, dimension, device=device)
        self._momentum, self._raw = momentum, raw

    def update(self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"]) -> None:
        """Update the rows of `labels` with `features` by momentum, sample by sample, in place."""
        sequential_ema(self.vectors, features.detach().to(self.vectors), labels, self._momentum, self._raw)

    def fill(self, features: Float[Tensor, "n d"], labels: Int64[Tensor, " n"]) -> None:
        """Set each row to the mean of its cluster's features, normalized unless `raw`."""
        sums = torch.zeros(len(self.vectors), features.shape[1], dtype=torch.float64)
        sums.index_add_(0, labels.cpu(), features.detach().cpu().double())
        means = sums / torch.bincount(labels.cpu(), minlength=len(sums)).clamp_min(1)[:, None]
        self.vectors.copy_(means if self._raw else unit(means))
