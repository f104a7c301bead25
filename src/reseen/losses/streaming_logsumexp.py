r"""Sums of exponentials over a whole memory, in chunks, with the gradient computed on the way.

Instance losses compare a batch with every row of a memory: $\log \sum_j \exp(a q \cdot m_j - c \|m_j\|^2)$. The matrix
of a large memory's logits does not fit, and automatic differentiation would keep it twice. Here chunks of rows pass by
once, with a running maximum; the gradient $a \sum_j p_j m_j$ is summed along and rescaled like the sum itself, as in
streaming softmax. So memory is a chunk of logits, and the cost two matrix products. On a CPU a chunk is so small that
its rows are still in the cache for the second product.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

_CACHED = 8 << 20
"""Bytes of rows in a chunk on a CPU: 2,048 rows of 1,024 numbers."""
_LOGITS = 1 << 24
"""Logits in a chunk on a GPU: 64 MiB of float32."""
_FETCHED = 1 << 26
"""Bytes of rows in a chunk that are fetched to a GPU from host memory."""


class _StreamingLogsumexp(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        queries: Tensor,
        memory: Tensor,
        scale: float,
        lengths: float,
        squares: Tensor | None,
        hidden: Tensor | None,
        chunk: int | None,
        count: int,
    ) -> tuple[Tensor, Tensor]:
        wanted = ctx.needs_input_grad[0]
        highest = queries.new_full((len(queries),), -torch.inf)
        total = torch.zeros_like(highest)
        pulled = torch.zeros_like(queries) if wanted else None
        best = RunningTop(len(queries), count, queries.device)
        for begin, rows, logits in _chunks(queries, memory, scale, lengths, squares, hidden, chunk):
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
            # the highest row counts 1, so that a total below is one of no rows at all
            ctx.save_for_backward(pulled * (scale / total.clamp_min(1))[:, None])
        ctx.mark_non_differentiable(best.rows)
        return highest + total.log(), best.rows

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (pulled,) = ctx.saved_tensors
        return gradients[0][:, None] * pulled, *(None,) * (len(ctx.needs_input_grad) - 1)


class RunningTop:
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


def _chunks(
    queries: Float[Tensor, "b d"],
    memory: Float[Tensor, "n d"],
    scale: float,
    lengths: float,
    squares: Float[Tensor, " n"] | None,
    hidden: Int64[Tensor, "b h"] | None,
    chunk: int | None,
) -> Iterator[tuple[int, Float[Tensor, "c d"], Float[Tensor, "b c"]]]:
    """Row number of the first, rows, and their logits, which may be overwritten."""
    scaled = (queries * scale).T  # rows times queries: a quarter faster than the other way round on a CPU
    step = chunk or _rows_at_once(queries, memory)
    for begin in range(0, len(memory), step):
        rows = memory[begin : begin + step].to(queries)
        if lengths:
            here = (
                torch.linalg.vector_norm(rows, dim=1).square_()
                if squares is None
                else squares[begin : begin + step].to(queries)
            )
            logits = torch.addmm(here[:, None], rows, scaled, beta=-lengths).T
        else:
            logits = (rows @ scaled).T
        if hidden is not None:
            _hide(logits, hidden, begin)
        yield begin, rows, logits


def _rows_at_once(queries: Float[Tensor, "b d"], memory: Float[Tensor, "n d"]) -> int:
    row = max(1, queries.shape[1] * queries.element_size())
    if queries.device.type == "cpu":
        return max(1, _CACHED // row)
    rows = _LOGITS // max(1, len(queries))
    return max(1, rows if memory.device == queries.device else min(rows, _FETCHED // row))


def streaming_logsumexp(
    queries: Float[Tensor, "b d"],
    memory: Float[Tensor, "n d"],
    scale: float,
    lengths: float = 0.0,
    hidden: Int64[Tensor, "b h"] | None = None,
    chunk: int | None = None,
) -> Float[Tensor, " b"]:
    r"""$\log \sum_j \exp(a q \cdot m_j - c \|m_j\|^2)$ over the rows j of `memory` that are not `hidden` from q.

    The gradient reaches `queries` alone. `scale`: a; `lengths`: c, where c = a / 2 compares by distances. `hidden`: row
    numbers per query, -1 for none. Minus infinity where all rows are hidden. `memory` may lie in host memory. `chunk`:
    rows at once; None: what suits the device.
    """
    return streaming_logsumexp_and_top(queries, memory, 0, scale, lengths, hidden, chunk)[0]


def streaming_logsumexp_and_top(
    queries: Float[Tensor, "b d"],
    memory: Float[Tensor, "n d"],
    count: int,
    scale: float,
    lengths: float = 0.0,
    hidden: Int64[Tensor, "b h"] | None = None,
    chunk: int | None = None,
    squares: Float[Tensor, " n"] | None = None,
) -> tuple[Float[Tensor, " b"], Int64[Tensor, "b k"]]:
    """`streaming_logsumexp` and `top_logits` of `count` rows, in one pass over the memory.

    `squares`: the squared length of every row, where it is known already.
    """
    return _StreamingLogsumexp.apply(queries, memory, scale, lengths, squares, hidden, chunk, count)  # type: ignore[return-value]


def _hide(logits: Float[Tensor, "b c"], hidden: Int64[Tensor, "b h"], begin: int) -> None:
    places = hidden - begin
    inside: Bool[Tensor, "b h"] = (places >= 0) & (places < logits.shape[1])
    row, which = inside.nonzero(as_tuple=True)
    logits[row, places[row, which]] = -torch.inf


@torch.no_grad()
def top_logits(
    queries: Float[Tensor, "b d"],
    memory: Float[Tensor, "n d"],
    count: int,
    scale: float,
    lengths: float = 0.0,
    hidden: Int64[Tensor, "b h"] | None = None,
    chunk: int | None = None,
) -> Int64[Tensor, "b k"]:
    """Rows of the `count` highest logits that are not hidden, highest first; -1 where there are fewer."""
    best = RunningTop(len(queries), count, queries.device)
    for begin, _, logits in _chunks(queries, memory, scale, lengths, None, hidden, chunk):
        best.take(logits, begin)
    return best.rows
