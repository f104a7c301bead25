"""From what a backbone gives (a map or tokens) to one vector per image."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class GeneralizedMeanPooling(nn.Module):
    r"""$(\mathrm{mean}_{yx} \max(x, \epsilon)^p)^{1/p}$ per channel, with a learned exponent that starts at 3.

    p = 1 is the average of the positive part, p to infinity the maximum.
    Reference: Radenovic et al., "Fine-tuning CNN image retrieval with no human annotation", 2018, eq. 3.
    """

    def __init__(self, exponent: float = 3.0, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.exponent = nn.Parameter(torch.tensor(float(exponent)))
        self.epsilon = epsilon

    def forward(self, maps: Float[Tensor, "b d y x"]) -> Float[Tensor, "b d"]:
        """Pool each channel over the map, in float32 since powers overflow in half precision."""
        powered = maps.float().clamp_min(self.epsilon).pow(self.exponent)
        return powered.mean(dim=(2, 3)).pow(1.0 / self.exponent)


class AveragePooling(nn.Module):
    """The mean over the map."""

    def forward(self, maps: Float[Tensor, "b d y x"]) -> Float[Tensor, "b d"]:
        """Average each channel over the map."""
        return maps.float().mean(dim=(2, 3))


class TokenPooling(nn.Module):
    """One vector from a transformer's tokens: the class token, or the mean of the patch tokens."""

    def __init__(self, prefix_tokens: int, average: bool) -> None:
        super().__init__()
        self.prefix_tokens = prefix_tokens
        self.average = average

    def forward(self, tokens: Float[Tensor, "b t d"]) -> Float[Tensor, "b d"]:
        """Pick or average."""
        if self.average:
            return tokens[:, self.prefix_tokens :].float().mean(dim=1)
        return tokens[:, 0].float()
