"""Implicit sample extension of the contrast with centroids: samples at the border of a cluster are pulled to it.

Each feature of a batch is moved towards the nearest cluster other than its own, farther as training proceeds, and is
contrasted with the centroids again, under the label of its crop.

Reference: Zhang et al., "Implicit sample extension for unsupervised person re-identification", CVPR 2022.
"""

from collections.abc import Mapping
from typing import Annotated

from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from reseen.conditions import Above, AtLeast, When
from reseen.config import Settings
from reseen.losses import extend_samples, extension_step


class ImplicitExtensionSettings(Settings):
    """Settings of the implicit sample extension; disabled by default."""

    weight: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the contrast of extended samples; 0 disables it."""

    degree: Annotated[float, Field(gt=0), When(weight=Above(0))] = 1.0
    """How far samples are moved; at 1 a quarter of the way between two centroids at the end of the training."""

    from_round: Annotated[int, Field(ge=1), When(weight=Above(0))] = 1
    """First round with extended samples."""

    def recipe_conditions(self, path: str) -> Mapping[str, When]:
        """Training must reach the first round; `path`: the settings' path in a recipe."""
        if self.from_round == 1:
            return {}
        return {f"{path}.weight": When({"train.rounds": AtLeast(self.from_round)})}


class ImplicitExtension:
    """Extended samples of a batch.

    Example:
        >>> extension = ImplicitExtension(settings)
        >>> extension.begin_round(number=1)
        >>> extended = extension.samples(features, labels, memory.vectors, progress=0.5)
    """

    def __init__(self, settings: ImplicitExtensionSettings) -> None:
        self._settings = settings
        self._is_active = False

    def begin_round(self, number: int) -> None:
        """Begin the round with this number, from 1."""
        self._is_active = self._settings.weight > 0 and number >= self._settings.from_round

    def samples(
        self,
        features: Float[Tensor, "b d"],
        labels: Int64[Tensor, " b"],
        centroids: Float[Tensor, "c d"],
        progress: float,
    ) -> Float[Tensor, "b d"] | None:
        """The extended samples, of unit length; None before the first round of them.

        `progress` is the share of the training that is done, 0 to 1.
        """
        if not self._is_active:
            return None
        return extend_samples(features, labels, centroids, extension_step(progress, self._settings.degree))

    @property
    def weight(self) -> float:
        """The weight of their contrast."""
        return self._settings.weight
