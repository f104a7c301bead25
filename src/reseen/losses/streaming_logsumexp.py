r"""Log-sum-exp over a whole memory bank, in chunks, with the gradient computed in the forward pass.

Instance losses compare a batch with every row of a memory bank: $\log \sum_j \exp(a q \cdot m_j - c \|m_j\|^2)$. The
logit matrix of a large bank does not fit into memory, and autograd would keep it twice. Instead the rows are read once
in chunks with a running maximum, and the gradient $a \sum_j p_j m_j$ is accumulated and rescaled like the sum itself,
as in streaming softmax. This needs one chunk of logits and two matrix products. On a CPU chunks are small enough for
their rows to stay in cache for the second product.

Reference: Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

_CACHED = 8 << 20
"""Bytes of rows per chunk on a CPU: 2,048 rows of 1,024 float32 values."""
_LOGITS = 1 << 24
"""Logits per chunk on a GPU: 64 MiB of float32."""
_FETCHED = 1 << 26
"""Bytes of rows per chunk that are copied to a GPU from host memory."""


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
        maximum = queries.new_full((len(queries),), -torch.inf)
        total = torch.zeros_like(maximum)
        gradient = torch.zeros_like(queries) if ctx.needs_input_grad[0] else None
        top = RunningTop(len(queries), count, queries.device)
        for begin, rows, logits in _chunks(queries, memory, scale, lengths, squares, hidden, chunk):
            top.update(logits, begin)
            new_maximum = torch.maximum(maximum, logits.amax(dim=1))
            shift = new_maximum.masked_fill(new_maximum.isinf(), 0)
            rescale = torch.exp(maximum - shift)
            weights = logits.sub_(shift[:, None]).exp_()
            total = total * rescale + weights.sum(dim=1)
            if gradient is not None:
                gradient = torch.addmm(gradient.mul_(rescale[:, None]), weights, rows)
            maximum = new_maximum
        if gradient is not None:
            # the maximum contributes 1, so a total below 1 means that no row was visible
            ctx.save_for_backward(gradient * (scale / total.clamp_min(1))[:, None])
        ctx.mark_non_differentiable(top.rows)
        return maximum + total.log(), top.rows

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (local,) = ctx.saved_tensors
        return gradients[0][:, None] * local, *(None,) * (len(ctx.needs_input_grad) - 1)


class RunningTop:
    """Running top-k over chunks of logits: `rows` (queries, count) is padded with -1 where there are fewer."""

    def __init__(self, queries: int, count: int, device: torch.device) -> None:
        self.rows = torch.full((queries, count), -1, device=device)
        self._values = torch.full((queries, count), -torch.inf, device=device)

    def update(self, logits: Float[Tensor, "b c"], begin: int) -> None:
        """Merge in the logits of a chunk whose first row is `begin`; minus infinity is ignored."""
        count = self.rows.shape[1]
        if count == 0:
            return
        top = logits.topk(min(count, logits.shape[1]), dim=1)
        rows = torch.where(top.values.isneginf(), -1, top.indices + begin)
        merged = torch.cat([self._values.to(top.values), top.values], dim=1).topk(count, dim=1)
        self.rows = torch.cat([self.rows, rows], dim=1).gather(1, merged.indices)
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
    """Per chunk: its first row number, its rows, and their logits, which the caller may overwrite."""
    scaled = (queries * scale).T  # rows times queries is 25% faster than queries times rows on a CPU
    step = chunk or _rows_at_once(queries, memory)
    for begin in range(0, len(memory), step):
        rows = memory[begin : begin + step].to(queries)
        if lengths:
            squared_norms = (
                torch.linalg.vector_norm(rows, dim=1).square_()
                if squares is None
                else squares[begin : begin + step].to(queries)
            )
            logits = torch.addmm(squared_norms[:, None], rows, scaled, beta=-lengths).T
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
    r"""$\log \sum_j \exp(a q \cdot m_j - c \|m_j\|^2)$ over the rows j of `memory`, except those `hidden` from q.

    Only `queries` receives a gradient. The result is minus infinity where all rows are hidden.

    Args:
        queries: q.
        memory: m; may be in host memory.
        scale: a.
        lengths: c; c = a / 2 ranks rows by Euclidean distance.
        hidden: row numbers to exclude per query, padded with -1.
        chunk: rows processed at once; by default a number that suits the device.
    """
    return streaming_logsumexp_and_top(
        queries, memory, 0, scale, lengths=lengths, hidden=hidden, chunk=chunk
    )[0]


def streaming_logsumexp_and_top(
    queries: Float[Tensor, "b d"],
    memory: Float[Tensor, "n d"],
    count: int,
    scale: float,
    *,
    lengths: float = 0.0,
    hidden: Int64[Tensor, "b h"] | None = None,
    chunk: int | None = None,
    squares: Float[Tensor, " n"] | None = None,
) -> tuple[Float[Tensor, " b"], Int64[Tensor, "b k"]]:
    """`streaming_logsumexp` and `top_logits` of `count` rows, in one pass over the memory.

    `squares`: the squared norm of every row, if precomputed.
    """
    return _StreamingLogsumexp.apply(queries, memory, scale, lengths, squares, hidden, chunk, count)  # type: ignore[return-value]


def _hide(logits: Float[Tensor, "b c"], hidden: Int64[Tensor, "b h"], begin: int) -> None:
    columns = hidden - begin
    inside: Bool[Tensor, "b h"] = (columns >= 0) & (columns < logits.shape[1])
    query, position = inside.nonzero(as_tuple=True)
    logits[query, columns[query, position]] = -torch.inf


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
    """Row numbers of the `count` highest logits per query, highest first, padded with -1; without gradient.

    Arguments are as in `streaming_logsumexp`; `hidden` rows are excluded.
    """
    top = RunningTop(len(queries), count, queries.device)
    for begin, _, logits in _chunks(queries, memory, scale, lengths, None, hidden, chunk):
        top.update(logits, begin)
    return top.rows
