"""Settings of the encoder."""

from typing import Annotated, Literal

from pydantic import Field

from reseen.conditions import When
from reseen.config import Settings
from reseen.models.patches import PatchSettings


class ModelSettings(Settings):
    """Backbone, pooling, neck and normalization."""

    backbone: str = "resnet50"
    """Name of any timm model."""

    weights: Annotated[str, When(start=None)] = "hub"
    """Where the backbone starts: `hub` (timm's own), `none` (random), or the path of a safetensors file."""

    start: str | None = None
    """A run folder whose encoder, all of it, is the start in place of `weights`: to adapt it to other crops."""

    pooling: Literal["auto", "gem", "average", "token"] = "auto"
    """`gem` and `average` pool a feature map; transformers have a class `token` or an `average` of patches.
    `auto` takes gem for maps and the class token for transformers."""

    feature: Literal["sphere", "raw"] = "sphere"
    """`sphere`: vectors of length 1, for clustering, loss and retrieval; `raw`: the neck's vectors with their lengths
    in all three, divided by the root of the dimension, which makes the mean squared length 1 at the start."""

    last_stride: Literal[1, 2] = 1
    """Stride of the last stage; 1 doubles the map, where the backbone allows it."""

    norm_group: Annotated[int, Field(ge=2)] | None = 64
    """Images that share batch-norm statistics, whatever the batch and the devices; null: the whole batch."""

    frozen_stages: Annotated[int, Field(ge=0)] = 0
    """Stages at the input that keep their starting weights and statistics; 1 is the stem."""

    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Rate of stochastic depth, for backbones that have it."""

    patches: PatchSettings | None = None
    """Vectors of parts beside that of the whole image, for methods that learn them; null for none."""
