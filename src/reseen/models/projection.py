"""All patches of an image together: one embedding, which the image-level patch loss compares."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reseen.geometry import unit


class Projection(nn.Module):
    """Patches to the embedding of their image: cosines with the rows of one matrix per patch."""

    def __init__(self, patches: int, width: int, dimension: int, learn: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(patches, dimension, width), requires_grad=learn)

    def forward(self, patches: Float[Tensor, "b p e"]) -> Float[Tensor, "b k"]:
        """One after another."""
        return torch.einsum("bpe,pke->bpk", patches, unit(self.weight)).flatten(1)
