r"""The patch discrimination loss: pull a patch to the nearest memory rows of that patch, push it from all others.

For patch p of image i, with memory rows $w_j$ of that patch and $K_i$ the k nearest of them, the image's own excluded:

$L = -\log \frac{\sum_{j \in K_i} \exp(-s \|x_i - w_j\|^2)}{\sum_{j \neq i} \exp(-s \|x_i - w_j\|^2)}$, averaged over
images and patches. Reference: Yang et al., CVPR 2019, eq. 2 (patch-based discriminative feature learning).

$K_i$ may also be given explicitly, for example as the credible neighbors of the whole image.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from reseen.losses.streaming_logsumexp import streaming_logsumexp_and_top


@dataclass(frozen=True)
class PatchMemory:
    """The memory bank of one patch: all rows, and the values that the rows of the batch are about to be updated to."""

    rows: Float[Tensor, "n e"]
    """Rows of all images; may be in host memory."""
    changed: Int64[Tensor, " u"]
    """Row numbers that the batch updates, unique."""
    fresh: Float[Tensor, "u e"]
    """Updated values of these rows; they replace the stored ones in the loss."""
    squares: Float[Tensor, " n"] | None = None
    """Squared norm of every row, if precomputed."""


def patch_discrimination(
    features: Float[Tensor, "b e"],
    own: Int64[Tensor, " b"],
    memory: PatchMemory,
    count: int,
    scale: float,
    positives: Int64[Tensor, "b k"] | None = None,
    chunk: int | None = None,
) -> Float[Tensor, ""]:
    r"""The loss of one patch, averaged over the batch; 0 or more. No gradient flows to the memory.

    It is 0 when k covers all other rows, and $\ln((n - 1) / k)$ when all rows are equally far.

    Args:
        features: embeddings of the patch.
        own: memory row of each image.
        memory: the memory bank of the patch.
        count: k, the number of nearest rows used as positives.
        scale: s, above 0.
        positives: explicit positives in place of the `count` nearest rows, padded with -1 and excluding `own`; images
            without positives are excluded from the mean.
        chunk: memory rows processed at once; by default a number that suits the device.

    Example:
        changed, fresh = bank.preview(patches, rows, momentum=0.1)  # a PatchBank, patches (b, p, e)
        memory = PatchMemory(bank.vectors[:, 0], changed, fresh[:, 0])
        loss = patch_discrimination(patches[:, 0], rows, memory, count=10, scale=5.0)
    """
    # -s |x - w|^2 = 2 s x.w - s |w|^2 - s |x|^2, and the last term cancels in the fraction
    changed = memory.changed.to(features.device)
    hidden = changed[None].expand(len(features), -1)
    top_count = count if positives is None else 0
    log_unchanged, nearest = streaming_logsumexp_and_top(
        features,
        memory.rows,
        top_count,
        2 * scale,
        lengths=scale,
        hidden=hidden,
        chunk=chunk,
        squares=memory.squares,
    )
    fresh = memory.fresh.to(features)
    fresh_logits = 2 * scale * features @ fresh.T - scale * fresh.square().sum(dim=1)
    fresh_logits = fresh_logits.masked_fill(changed[None] == own[:, None], -torch.inf)
    log_partition = torch.logaddexp(log_unchanged, _log_sum(fresh_logits))
    if positives is None:
        candidates = torch.cat([_logits(features, memory.rows, nearest, scale), fresh_logits], dim=1)
        top = candidates.topk(min(count, candidates.shape[1]), dim=1).values
        return (log_partition - _log_sum(top)).clamp_min(0).mean()
    stored_logits = _logits(features, memory.rows, positives, scale)
    positive_logits = _with_fresh_rows(stored_logits, positives, fresh_logits, changed)
    without_positives = (positives < 0).all(dim=1)
    terms = (log_partition - _log_sum(positive_logits)).clamp_min(0).masked_fill(without_positives, 0)
    return terms.sum() / (~without_positives).sum().clamp_min(1)


def _logits(
    features: Float[Tensor, "b e"], rows: Float[Tensor, "n e"], which: Int64[Tensor, "b k"], scale: float
) -> Float[Tensor, "b k"]:
    """Logits of the rows `which` of each image; minus infinity where `which` is -1."""
    gathered = rows[which.clamp_min(0).to(rows.device)].to(features)
    logits = 2 * scale * torch.einsum("be,bke->bk", features, gathered) - scale * gathered.square().sum(dim=2)
    return logits.masked_fill(which < 0, -torch.inf)


def _with_fresh_rows(
    logits: Float[Tensor, "b k"],
    which: Int64[Tensor, "b k"],
    fresh_logits: Float[Tensor, "b u"],
    changed: Int64[Tensor, " u"],
) -> Float[Tensor, "b k"]:
    """`logits` of the rows `which`, with those of changed rows replaced by `fresh_logits`."""
    if len(changed) == 0:
        return logits
    order = changed.argsort()
    position = torch.searchsorted(changed[order], which).clamp_max(len(changed) - 1)
    column = order[position]
    return torch.where(changed[column] == which, fresh_logits.gather(1, column), logits)


def _log_sum(logits: Float[Tensor, "b k"]) -> Float[Tensor, " b"]:
    """Log-sum-exp whose gradient is 0, not NaN, where every logit is minus infinity."""
    return logits.clamp_min(-1e30).logsumexp(dim=1)
