"""How a trunk computes: in which numbers, and whether operations are fused or reordered for speed.

On a processor with bfloat16 instructions the float32 trunk is limited by memory: maps of half the size take half the
time to read, and convolutions of one pixel run on matrix units.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

from reseen.environment import knows_bfloat16

Precision = Literal["32", "bf16-mixed", "auto"]


@dataclass(frozen=True)
class Arithmetic:
    """Numbers of the trunk; embeddings, losses and weights are always float32."""

    autocast: torch.dtype | None = None
    """Type of the maps and of the weights as they are multiplied; None for float32."""

    fused: bool = False
    """Whether batch norms that do not learn are multiplied into the convolutions before them, those that learn compute
    their activation with them, gradients keep the memory order of their maps, and features of a round are computed in
    float32. This changes roundings."""

    def context(self, device_type: str) -> AbstractContextManager[object]:
        """Context in which a trunk on a device of this type computes."""
        # a no-op autocast context would be traced into exported graphs
        return nullcontext() if self.autocast is None else torch.autocast(device_type, self.autocast)

    @property
    def name(self) -> str:
        """What a person reads, such as `bf16, fused`."""
        numbers = "32" if self.autocast is None else "bf16"
        return f"{numbers}, fused" if self.fused else numbers


def arithmetic_of(precision: Precision, device_type: str) -> Arithmetic:
    """The arithmetic that a setting means on this machine.

    `32` and `bf16-mixed` mean the same everywhere. `auto` is fused on a CPU, with steps in bf16 where the
    processor has instructions for it, else in float32; on a GPU it is `32`.

    Example:
        >>> arithmetic_of("32", "cpu").name
        '32'
    """
    if precision == "auto" and device_type == "cpu":
        return Arithmetic(torch.bfloat16 if knows_bfloat16() else None, fused=True)
    return Arithmetic(torch.bfloat16 if precision == "bf16-mixed" else None)
