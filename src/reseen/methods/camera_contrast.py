"""What known cameras add to the contrast with centroids: proxies, weights of clusters, negatives left out.

Each round looks at the cameras of its clusters' crops. `inter_camera` pulls a crop to its cluster under other cameras;
`weights` give clusters that several cameras see more say; `excluded` spares clusters that may be the same person, seen
by one camera that the crop's own cluster lacks. Each of the three can be used by itself, and none has an effect where
cameras are unknown or switched off.
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
    """What cameras add to the contrast with centroids; nothing by default."""

    proxy_weight: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the contrast with centers of clusters under other cameras; 0 for none."""

    proxy_temperature: Annotated[float, Field(gt=0), When(proxy_weight=Above(0))] = 0.07
    """Divides similarities with these centers; smaller is harder."""

    hardest_negatives: Annotated[int, Field(ge=1), When(proxy_weight=Above(0))] = 50
    """So many most similar centers of other clusters push a crop away."""

    proxy_momentum: Annotated[float, Field(ge=0, le=1), When(proxy_weight=Above(0))] = 1.0
    """Share of an old center that stays with each crop of its cluster and camera; 1: fixed for the round."""

    entropy_weights: bool = False
    """Weigh each cluster's contrast by log(1 + H), H the entropy of its crops' cameras in nats, at a mean of 1."""

    mask_negatives: bool = False
    """A cluster of one camera does not push away crops of clusters that this camera does not see."""

    from_round: Annotated[int, Field(ge=1)] = 2
    """First round with any of these; the clusters of untrained features follow cameras more than people."""

    @property
    def used(self) -> bool:
        """Whether any of the three is asked for."""
        return self.proxy_weight > 0 or self.entropy_weights or self.mask_negatives

    def conditions(self) -> Mapping[str, When]:
        """The first round matters where there is something to begin with."""
        return {} if self.used else {"from_round": When(proxy_weight=Above(0))}

    def recipe_conditions(self, path: str) -> Mapping[str, When]:
        """Cameras must be used, and training reach the first round; `path` is where the settings are in a recipe."""
        wanted = When({"cameras": True, "train.rounds": AtLeast(self.from_round)})
        return {f"{path}.{name}": wanted for name in ("proxy_weight", "entropy_weights", "mask_negatives")}


class CameraContrast:
    """The cameras' share of a method's losses, made anew with the clusters of each round.

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
        """Look at the cameras of the round's clusters; `features` are the unit vectors that centroids come from."""
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
        """The weight of each row's cluster, 1 on average over clusters; None where all weigh 1."""
        return None if self._weights is None else self._weights[labels]

    def excluded(self, labels: Int64[Tensor, " b"]) -> Bool[Tensor, "b c"] | None:
        """The clusters that do not push each row away; None where all do."""
        if self._seen is None or self._only is None:
            return None
        unseen = ~self._seen[labels][:, self._only.clamp_min(0)]
        return unseen & (self._only >= 0)[None, :]

    def terms(
        self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"], cameras: Int64[Tensor, " b"]
    ) -> dict[str, Float[Tensor, ""]]:
        """The weighted loss `inter_camera` of unit rows; nothing where there are no proxies."""
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
        """Move the proxies towards the features of a batch, where they are not fixed."""
        if self._proxies is not None and self._settings.proxy_momentum < 1:
            self._proxies.update(features, labels, cameras, self._settings.proxy_momentum)

    def state(self) -> dict[str, Tensor]:
        """The rounds begun, where they decide anything."""
        return {"camera_rounds": torch.tensor(self._rounds)} if self._settings.used else {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the rounds begun."""
        if self._settings.used:
            self._rounds = int(state["camera_rounds"])
