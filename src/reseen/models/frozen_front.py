"""The frozen stages of a trunk, computed by a folded copy: they never change, so nothing is kept for learning."""

from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reseen.models.stage_cut import output_at, output_from


class FrozenFront:
    """Computes a trunk's frozen stages by `copy`, which gives the same up to rounding; the trunk does the rest.

    It is no module: its weights are copies, which no checkpoint holds and no optimizer sees. Copies of an encoder, such
    as a momentum teacher, share it, as their frozen stages are equal.
    """

    def __init__(self, copy: nn.Module, last: str, dtype: torch.dtype | None) -> None:
        """`last` names the last frozen module; `dtype` is the type of maps and weights, None for float32."""
        self._copy = copy if dtype is None else copy.to(dtype)
        self._last, self._dtype = last, dtype

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    @torch.no_grad()
    def output(self, images: Float[Tensor, "b 3 h w"]) -> Tensor:
        """Output of the last frozen module, in the trunk's memory order and in the front's type."""
        with torch.autocast(images.device.type, enabled=False):  # the copy has its type already
            return output_at(self._copy, self._last, images.to(self._dtype or torch.float32))

    def through(self, trunk: nn.Module, images: Float[Tensor, "b 3 h w"]) -> Tensor:
        """The output of `trunk` for the images, its frozen stages computed here."""
        return output_from(trunk, self._last, images[:1], self.output(images))
