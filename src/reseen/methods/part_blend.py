"""Clusters a blend of whole images with their upper and lower halves; losses and scores keep to the whole.

In each round the crops are embedded by an encoder of the same weights that also pools both halves of the last map. What
is clustered is the blend of the three, each centered by camera first if the method does that.

References: Fu et al., "Self-similarity grouping", ICCV 2019; Cho et al., "Part-based pseudo label refinement for
unsupervised person re-identification", CVPR 2022.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from reseen.cluster import blend_parts
from reseen.config import Settings
from reseen.geometry import unit
from reseen.models import Encoder
from reseen.models.ema import unwrapped
from reseen.records import Features

WITHOUT_HALVES = "features without halves: whole images alone are clustered"
"""The note of a round whose features are those of whole images alone."""


class PartBlendSettings(Settings):
    """Settings of the blend with halves of images; disabled by default."""

    half_weight: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Weight of the squared distance of each half, upper and lower; the whole has the rest. 0 disables it."""


class PartBlend:
    """Splits embeddings into those of the whole and of halves, and blends them for the clustering.

    Example:
        >>> blend = PartBlend(PartBlendSettings(half_weight=0.15))
        >>> features = extract(blend.extractor(encoder), crops, device)
        >>> whole, upper, lower = blend.split(features, encoder)
        >>> clustered = blend.blended([whole, upper, lower])
    """

    def __init__(self, settings: PartBlendSettings) -> None:
        self._settings = settings

    @property
    def is_enabled(self) -> bool:
        """Whether halves are embedded."""
        return self._settings.half_weight > 0

    def extractor(self, encoder: Encoder) -> Encoder:
        """The encoder, which may be wrapped by Fabric, with halves if they are enabled; the weights are shared.

        Raises:
            SettingsError: the backbone has no feature map.
        """
        return unwrapped(encoder).with_halves(self._settings.half_weight) if self.is_enabled else encoder

    def split(self, features: Features, encoder: Encoder) -> list[Features]:
        """The features of whole images, and of both halves if these are outputs of the `extractor` of `encoder`.

        Other features are those of whole images; audits, plans and `reseen cluster` have no others.
        """
        if not self.is_enabled or features.vectors.shape[1] != 3 * encoder.channels:
            return [features]
        blocks = features.vectors.split(encoder.channels, dim=1)
        return [Features(unit(block.contiguous())) for block in blocks]

    def blended(self, parts: Sequence[Features]) -> Features:
        """What is clustered, of features from `split`."""
        if len(parts) == 1:
            return parts[0]
        weight = self._settings.half_weight
        return blend_parts(parts, (1 - 2 * weight, weight, weight))
