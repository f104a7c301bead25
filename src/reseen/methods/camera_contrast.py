"""Camera-aware extensions of the cluster contrast: inter-camera proxies, cluster weights and negative masking.

All three are computed from the cameras of each cluster's crops, once per round. The loss `inter_camera` pulls a crop
to its cluster's centers under other cameras. `weights` give more weight to clusters seen by several cameras. `excluded`
masks negatives that may be the same person: clusters of a single camera which does not see the crop's own cluster. Each
can be enabled separately; none has an effect if cameras are unknown or disabled.
"""

from collections.abc import Mapping
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor

from reseen.cluster import camera_sets, entropy_weights
from reseen.conditions import Above, AtLeast, When
from reseen.config import Settings
from reseen.losses import inter_camera_contrast
from reseen.memory import CameraProxies
from reseen.methods.base import MethodContext
from reseen.records import PseudoLabels, to_index_tensor


class CameraContrastSettings(Settings):
    """Camera-aware extensions of the cluster contrast; all disabled by default."""

    proxy_weight: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the contrast with camera proxies, the centers of clusters under other cameras; 0 disables it."""

    proxy_temperature: Annotated[float, Field(gt=0), When(proxy_weight=Above(0))] = 0.07
    """Divides similarities with the proxies before the softmax; smaller is harder."""

    hardest_negatives: Annotated[int, Field(ge=1), When(proxy_weight=Above(0))] = 50
    """Number of negatives: the most similar proxies of other clusters."""

    proxy_momentum: Annotated[float, Field(ge=0, le=1), When(proxy_weight=Above(0))] = 1.0
    """Momentum of a proxy's update by each crop of its cluster and camera; 1: fixed for the round."""

    entropy_weights: bool = False
    """Weight each cluster's contrast by log(1 + H), normalized to a mean of 1; H: entropy of its crops' cameras in
    nats."""

    mask_negatives: bool = False
    """Exclude a cluster of a single camera from the negatives of crops whose cluster this camera does not see."""

    from_round: Annotated[int, Field(ge=1)] = 2
    """First round with any of these; clusters of untrained features depend more on cameras than on people."""

    @property
    def is_enabled(self) -> bool:
        """Whether any of the three extensions is enabled."""
        return self.proxy_weight > 0 or self.entropy_weights or self.mask_negatives

    def conditions(self) -> Mapping[str, When]:
        """The first round has an effect only if an extension is enabled."""
        return {} if self.is_enabled else {"from_round": When(proxy_weight=Above(0))}

    def recipe_conditions(self, path: str) -> Mapping[str, When]:
        """Cameras must be enabled, and training must reach the first round; `path`: the settings' path in a recipe."""
        required = When({"cameras": True, "train.rounds": AtLeast(self.from_round)})
        return {f"{path}.{name}": required for name in ("proxy_weight", "entropy_weights", "mask_negatives")}


class CameraContrast:
    """Weights, masks and losses that depend on the cameras of the round's clusters.

    Example:
        >>> cameras = CameraContrast(settings, context)
        >>> cameras.begin_round(features, clustering.labels)
        >>> cluster_contrast(vectors, labels, centroids, 0.05, cameras.weights(labels), cameras.excluded(labels))
    """

    def __init__(self, settings: CameraContrastSettings, context: MethodContext) -> None:
        self._settings = settings
        self._context = context
        self._rounds = 0
        self._proxies: CameraProxies | None = None
        self._weights: Float[Tensor, " c"] | None = None
        self._seen: Bool[Tensor, "c m"] | None = None
        self._only: Int64[Tensor, " c"] | None = None

    def begin_round(self, features: Float[Tensor, "n d"], labels: PseudoLabels) -> None:
        """Compute proxies, weights and masks for the clusters of a round; `features` have unit length."""
        settings, cameras, device = self._settings, self._context.cameras, self._context.device
        self._rounds += 1
        self._proxies = self._weights = self._seen = self._only = None
        if cameras is None or self._rounds < settings.from_round:
            return
        if settings.proxy_weight:
            index = to_index_tensor(labels.labels).to(device)
            self._proxies = CameraProxies(features.to(device), index, to_index_tensor(cameras).to(device))
        if settings.entropy_weights:
            self._weights = torch.from_numpy(entropy_weights(labels, cameras)).float().to(device)
        if settings.mask_negatives:
            sets = camera_sets(labels, cameras)
            self._seen = torch.from_numpy(sets.seen).to(device)
            self._only = to_index_tensor(sets.only).to(device)

    def weights(self, labels: Int64[Tensor, " b"]) -> Float[Tensor, " b"] | None:
        """The weight of each row's cluster, with a mean of 1 over clusters; None if all weights are 1."""
        return None if self._weights is None else self._weights[labels]

    def excluded(self, labels: Int64[Tensor, " b"]) -> Bool[Tensor, "b c"] | None:
        """Mask of the c clusters that are not negatives of each row; None if there are no such clusters."""
        if self._seen is None or self._only is None:
            return None
        unseen = ~self._seen[labels][:, self._only.clamp_min(0)]
        return unseen & (self._only >= 0)[None, :]

    def terms(
        self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"], cameras: Int64[Tensor, " b"]
    ) -> dict[str, Float[Tensor, ""]]:
        """The weighted loss `inter_camera` of features of unit length; empty without proxies."""
        settings, proxies = self._settings, self._proxies
        if proxies is None:
            return {}
        loss = inter_camera_contrast(
            features,
            labels,
            cameras,
            proxies.vectors,
            proxies.labels,
            proxies.cameras,
            hardest=settings.hardest_negatives,
            temperature=settings.proxy_temperature,
        )
        return {"inter_camera": settings.proxy_weight * loss}

    def after_step(
        self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"], cameras: Int64[Tensor, " b"]
    ) -> None:
        """Update the proxies with the features of a batch, unless they are fixed."""
        if self._proxies is not None and self._settings.proxy_momentum < 1:
            self._proxies.update(features, labels, cameras, self._settings.proxy_momentum)

    def state(self) -> dict[str, Tensor]:
        """The number of rounds begun; empty if no extension is enabled."""
        return {"camera_rounds": torch.tensor(self._rounds)} if self._settings.is_enabled else {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load a `state`."""
        if self._settings.is_enabled:
            self._rounds = int(state["camera_rounds"])
