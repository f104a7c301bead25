"""Consistency losses: predicting the embedding of another view, and the masked cells of a feature map."""

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cosine_similarity


def consistency(
    predictions: Float[Tensor, "b d"], targets: Float[Tensor, "b d"], stop_gradient: bool = True
) -> Float[Tensor, ""]:
    r"""Mean of $2 - 2 \cos(p, z)$ over the batch, 0 to 4.

    With `stop_gradient` no gradient flows to the targets z.

    Reference: Grill et al., "Bootstrap your own latent", NeurIPS 2020, eq. 2; Chen and He, "Exploring simple Siamese
    representation learning", CVPR 2021, eq. 1.

    Example:
        loss = consistency(predictor(student(view)), teacher(other_view))
    """
    targets = targets.detach() if stop_gradient else targets
    return (2 - 2 * cosine_similarity(predictions, targets, dim=1)).mean()


def masked_reconstruction(
    predicted: Float[Tensor, "b d y x"], maps: Float[Tensor, "b d y x"], kept: Bool[Tensor, "b 1 y x"]
) -> Float[Tensor, ""]:
    """Squared error of the predicted cells where `kept` is False, divided by the squared norm of the true cells.

    Predicting zero gives 1; without a masked cell the loss is 0. No gradient flows to `maps`.

    Example:
        loss = masked_reconstruction(head(maps * kept), maps, kept)
    """
    masked = (~kept).to(maps.dtype)
    targets = maps.detach()
    squared_error = ((predicted - targets).square() * masked).sum()
    return squared_error / (targets.square() * masked).sum().clamp_min(1e-12)
