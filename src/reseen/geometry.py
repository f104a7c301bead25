"""Unit vectors, and distances."""

import torch
from jaxtyping import Float
from torch import Tensor

_SMALLEST_LENGTH = 1e-12


def unit(vectors: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """Scale rows to length 1; a row of zeros stays zero."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(_SMALLEST_LENGTH)


def squared_euclidean(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    r"""Squared Euclidean distance of rows, $|a|^2 + |b|^2 - 2 a \cdot b$, lower is nearer; 0 to 4 on unit rows."""
    return (a.square().sum(1)[:, None] + b.square().sum(1)[None, :] - 2 * (a @ b.T)).clamp_min(0)


def mean_direction(vectors: Float[Tensor, "n d"]) -> Float[Tensor, " d"]:
    """The unit vector along the sum of the rows; zero when they cancel."""
    return unit(torch.sum(vectors, dim=0))
