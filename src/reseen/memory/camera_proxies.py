"""Camera proxies: the center of every cluster under every camera.

Reference: Wang et al., "Camera-aware proxies for unsupervised person re-identification", AAAI 2021.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from reseen.geometry import unit
from reseen.memory.sequential_ema import sequential_ema


class CameraProxies:
    """Unit mean directions of the crops of each cluster under each camera, made once a round; without gradients.

    `vectors` of shape (p, d), with `labels` and `cameras` (p) of the proxies, ordered by cluster, then by camera. Crops
    in no cluster or of unknown camera (both -1) are in none.

    Example:
        proxies = CameraProxies(features, labels, cameras)
        proxies.update(batch_features, batch_labels, batch_cameras, momentum=0.8)
    """

    def __init__(
        self, features: Float[Tensor, "n d"], labels: Int64[Tensor, " n"], cameras: Int64[Tensor, " n"]
    ) -> None:
        """Take the mean direction of each cluster's features under each camera."""
        kept = (labels >= 0) & (cameras >= 0)
        pairs, place = torch.unique(
            torch.stack([labels[kept], cameras[kept]]).cpu(), dim=1, return_inverse=True
        )
        sums = torch.zeros(pairs.shape[1], features.shape[1], dtype=torch.float64)
        sums.index_add_(0, place, features[kept].cpu().double())
        self.vectors = unit(sums).to(features)
        self.labels, self.cameras = pairs.to(features.device)
        self._step = int(cameras.max()) + 1 if len(cameras) else 1
        self._keys = self.labels * self._step + self.cameras

    @torch.no_grad()
    def update(
        self,
        features: Float[Tensor, "b d"],
        labels: Int64[Tensor, " b"],
        cameras: Int64[Tensor, " b"],
        momentum: float,
    ) -> None:
        """Move the proxy of each feature towards it, in batch order; `momentum` is the share of the old that stays.

        Features of unknown camera (-1) move none.
        """
        known = cameras >= 0
        places = torch.searchsorted(self._keys, labels[known] * self._step + cameras[known])
        sequential_ema(self.vectors, features[known].to(self.vectors), places, momentum)
