r"""Antialiased bicubic resizing as two matrix products, so that a graph for any runtime can hold it.

Operators for it exist, but runtimes disagree on them or lack them. Weights are Keys' kernel with a = -0.5, stretched by
the scale where an image shrinks, normalized to sum 1 over the pixels that exist; each product is rounded to whole
values from 0 to 255. Pillow computes the same, but for the last bit of a few values; crops that shrink less in height
than in width it takes in the other order, which shows where values saturate. Equal sizes change nothing.

Reference: Keys, "Cubic convolution interpolation for digital image processing", 1981, eq. 15.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def resize(images: Float[Tensor, "b c y x"], height: int, width: int) -> Float[Tensor, "b c h w"]:
    """Images of whole values from 0 to 255 at another size: down first, then across."""
    images = _whole(bicubic_weights(images.shape[2], height) @ images)
    return _whole(images @ bicubic_weights(images.shape[3], width).T)


def bicubic_weights(size: int, target: int) -> Float[Tensor, "t s"]:
    """How much each of `size` pixels counts in each of `target` pixels; rows sum to 1."""
    pixels = torch.arange(size, dtype=torch.float32) + 0.5
    scale = torch.full((), size, dtype=torch.float32) / target
    centers = (torch.arange(target, dtype=torch.float32) + 0.5) * scale
    weights = _kernel((pixels[None, :] - centers[:, None]) / scale.clamp_min(1))
    return weights / weights.sum(dim=1, keepdim=True)


def _kernel(distance: Tensor) -> Tensor:
    away = distance.abs()
    near = ((1.5 * away - 2.5) * away) * away + 1
    far = ((-0.5 * away + 2.5) * away - 4) * away + 2
    return torch.where(away < 1, near, torch.where(away < 2, far, torch.zeros_like(away)))


def _whole(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255)
