"""Settings of the encoder."""

from typing import Annotated, Literal

from pydantic import Field

from reseen.conditions import Not, When
from reseen.config import Settings
from reseen.models.patches import PatchSettings


class ModelSettings(Settings):
    """Settings of the encoder: backbone, pooling, neck and normalization."""

    backbone: str = "resnet50.tv_in1k"
    """Name of any timm model, with the tag of its pretrained weights; without one, timm takes its own default."""

    weights: Annotated[str, When(start=None)] = "hub"
    """Initial weights of the backbone: `hub` (timm's pretrained weights), `none` (random), or the path of a safetensors
    file."""

    start: str | None = None
    """Run folder to initialize the whole encoder from, in place of `weights`, to adapt it to new data."""

    pooling: Literal["auto", "gem", "average", "token"] = "auto"
    """`gem` and `average` pool a feature map; transformers have a class `token` or an `average` of patch tokens.
    `auto` is gem for feature maps and the class token for transformers."""

    feature: Literal["sphere", "raw"] = "sphere"
    """`sphere`: embeddings of unit length, for clustering, loss and retrieval; `raw`: not normalized, but divided by
    the square root of the dimension, which makes the mean squared length 1 initially if there is a neck."""

    neck: Literal["batch-norm", "none"] = "batch-norm"
    """`batch-norm` (BNNeck): a batch norm behind pooling, whose statistics are estimated on the crops before the first
    round; `none`: pooled features are the embeddings."""

    last_stride: Literal[1, 2] = 1
    """Stride of the last stage; 1 doubles the resolution of the feature map, where the backbone allows it."""

    norm_group: Annotated[int, Field(ge=2)] | None = 64
    """Images that share batch-norm statistics, independent of batch size and devices; null: the whole batch."""

    frozen_stages: Annotated[int, Field(ge=0)] = 0
    """Number of first stages that keep their initial weights and statistics; 1 is the stem."""

    match_statistics: Annotated[bool, When(weights=Not("none"))] = False
    """Give the batch norms of a pretrained start the statistics of a few hundred crops before the first round, with
    weights and biases under which embeddings stay the same: training starts from the network that was clustered."""

    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Stochastic depth rate, for backbones that support it."""

    patches: PatchSettings | None = None
    """Patch embeddings in addition to that of the whole image, for methods that train them; null for none."""
