"""How far predictions of one view are from the vectors of another, and how far features have collapsed."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cosine_similarity


def consistency(
    predictions: Float[Tensor, "b d"], targets: Float[Tensor, "b d"], stop_gradient: bool = True
) -> Float[Tensor, ""]:
    r"""Mean of $2 - 2 \cos(p, z)$ over the batch, 0 to 4; no gradient reaches the targets, unless asked for.

    Reference: Grill et al., "Bootstrap your own latent", NeurIPS 2020, eq. 2; Chen and He, "Exploring simple Siamese
    representation learning", CVPR 2021, eq. 1.
    """
    targets = targets.detach() if stop_gradient else targets
    return (2 - 2 * cosine_similarity(predictions, targets, dim=1)).mean()


def masked_cells(
    predicted: Float[Tensor, "b d y x"], maps: Float[Tensor, "b d y x"], kept: Bool[Tensor, "b 1 y x"]
) -> Float[Tensor, ""]:
    """Mean squared distance of predicted and true cells where a mask hides them, over the mean square of the true.

    1 is what predicting zero earns; 0 where no cell is hidden. No gradient reaches `maps`.
    """
    hidden = (~kept).to(maps.dtype)
    truth = maps.detach()
    apart = ((predicted - truth).square() * hidden).sum()
    return apart / (truth.square() * hidden).sum().clamp_min(1e-12)


def feature_std(features: Float[Tensor, "n d"]) -> float:
    r"""Root mean square over dimensions of the standard deviation of unit rows, times $\sqrt d$.

    About 1 where rows point everywhere, 0 where all are one: the field's measure of collapse. Reference: Chen and He,
    "Exploring simple Siamese representation learning", CVPR 2021, section 4.1.
    """
    centered = features.double() - features.double().mean(dim=0)
    return float(torch.sqrt(centered.square().sum(dim=1).mean()))
