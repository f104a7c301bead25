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
    r"""Mean of $2 - 2 \cos(p, z)$ over the cells z of `maps` where `kept` is False, 0 to 4; 0 without such a cell.

    This is the squared distance of predictions and cells of unit length, so that all cells count alike. No gradient
    flows to `maps`.

    Reference: our reconstruction from the abstract of Yin et al., Pattern Recognition 126, 2022.

    Example:
        loss = masked_reconstruction(head(maps * kept), teacher_maps, kept)
    """
    masked = (~kept[:, 0]).to(predicted.dtype)
    distances = 2 - 2 * cosine_similarity(predicted, maps.detach(), dim=1)
    return (distances * masked).sum() / masked.sum().clamp_min(1)
