r"""Sums of exponentials over a whole memory, in chunks, with the gradient computed on the way.

Instance losses compare a batch with every row of a memory: $\log \sum_j \exp(a q \cdot m_j + b_j)$. The matrix of a
large memory's logits does not fit, and automatic differentiation would keep it twice. Here chunks of rows pass by once,
with a running maximum; the gradient $a \sum_j p_j m_j$ is summed along and rescaled like the sum itself, as in
streaming softmax. So memory is a chunk of logits, and the cost two matrix products.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

CELLS = 1 << 24
"""Logits held at once: 64 MiB of float32."""


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        queries: Tensor,
        memory: Tensor,
        scale: float,
        bias: Tensor | None,
        hidden: Tensor | None,
        cells: int,
        count: int,
    ) -> tuple[Tensor, Tensor]:
        wanted = ctx.needs_input_grad[0]
        highest = queries.new_full((len(queries),), -torch.inf)
        total = torch.zeros_like(highest)
        pulled = torch.zeros_like(queries) if wanted else None
        best = Highest(len(queries), count, queries.device)
        step = max(1, cells // len(queries))
        for begin in range(0, len(memory), step):
            rows = memory[begin : begin + step].to(queries)
            logits = (queries * scale) @ rows.T
            if bias is not None:
                logits += bias[begin : begin + step].to(logits)
            if hidden is not None:
                _hide(logits, hidden, begin)
            best.take(logits, begin)
            top = torch.maximum(highest, logits.amax(dim=1))
            safe = top.masked_fill(top.isinf(), 0)
            kept = torch.exp(highest - safe)
            weights = logits.sub_(safe[:, None]).exp_()
            total = total * kept + weights.sum(dim=1)
            if pulled is not None:
                pulled = torch.addmm(pulled.mul_(kept[:, None]), weights, rows)
            highest = top
        if pulled is not None:
            ctx.save_for_backward(pulled * (scale / total.clamp_min(1e-38))[:, None])
        ctx.mark_non_differentiable(best.rows)
        return highest + total.log(), best.rows

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None, None, None, None, None]:
        (pulled,) = ctx.saved_tensors
        return gradients[0][:, None] * pulled, None, None, None, None, None, None


class Highest:
    """The rows of the highest logits so far, chunk by chunk; `rows` holds -1 where there are fewer than `count`."""

    def __init__(self, queries: int, count: int, device: torch.device) -> None:
        self.rows = torch.full((queries, count), -1, device=device)
        self._values = torch.full((queries, count), -torch.inf, device=device)

    def take(self, logits: Float[Tensor, "b c"], begin: int) -> None:
        """Look at the logits of the rows from `begin` on."""
        count = self.rows.shape[1]
        if count == 0:
            return
        here = logits.topk(min(count, logits.shape[1]), dim=1)
        found = torch.where(here.values.isneginf(), -1, here.indices + begin)
        merged = torch.cat([self._values.to(here.values), here.values], dim=1).topk(count, dim=1)
        self.rows = torch.cat([self.rows, found], dim=1).gather(1, merged.indices)
        self._values = merged.values


def log_partition(
    queries: Float[Tensor, "b d"],
    memory: Float[Tensor, "n d"],
    scale: float,
    bias: Float[Tensor, " n"] | None = None,
    hidden: Int64[Tensor, "b h"] | None = None,
    cells: int = CELLS,
) -> Float[Tensor, " b"]:
    r"""$\log \sum_j \exp(a q \cdot m_j + b_j)$ over the rows j of `memory` that are not `hidden` from the query.

    The gradient reaches `queries` alone. `hidden`: row numbers per query, -1 for none. Minus infinity where all rows
    are hidden. `memory` may lie in host memory. At most `cells` logits are held at once.
    """
    return log_partition_and_highest(queries, memory, 0, scale, bias, hidden, cells)[0]


def log_partition_and_highest(
    queries: Float[Tensor, "b d"],
    memory: Float[Tensor, "n d"],
    count: int,
    scale: float,
    bias: Float[Tensor, " n"] | None = None,
    hidden: Int64[Tensor, "b h"] | None = None,
    cells: int = CELLS,
) -> tuple[Float[Tensor, " b"], Int64[Tensor, "b k"]]:
    """`log_partition` and `highest_logits` of `count` rows, in one pass over the memory."""
    return _LogPartition.apply(queries, memory, scale, bias, hidden, cells, count)  # type: ignore[return-value]


def _hide(logits: Float[Tensor, "b c"], hidden: Int64[Tensor, "b h"], begin: int) -> None:
    places = hidden - begin
    inside: Bool[Tensor, "b h"] = (places >= 0) & (places < logits.shape[1])
    row, which = inside.nonzero(as_tuple=True)
    logits[row, places[row, which]] = -torch.inf


@torch.no_grad()
def highest_logits(
    queries: Float[Tensor, "b d"],
    memory: Float[Tensor, "n d"],
    count: int,
    scale: float,
    bias: Float[Tensor, " n"] | None = None,
    hidden: Int64[Tensor, "b h"] | None = None,
    cells: int = CELLS,
) -> Int64[Tensor, "b k"]:
    """Rows of the `count` highest logits that are not hidden, highest first; -1 where there are fewer."""
    best = Highest(len(queries), count, queries.device)
    step = max(count, cells // len(queries))
    for begin in range(0, len(memory), step):
        rows = memory[begin : begin + step].to(queries)
        logits = (queries * scale) @ rows.T
        if bias is not None:
            logits += bias[begin : begin + step].to(logits)
        if hidden is not None:
            _hide(logits, hidden, begin)
        best.take(logits, begin)
    return best.rows
