r"""Pull each patch of an image to the nearest memory rows of the same patch, and push it from all others.

For patch p of image i, with memory rows $w_j$, the k nearest of them $K_i$ and the own row left out of everything:

$L = -\log \frac{\sum_{j \in K_i} \exp(-s \|x_i - w_j\|^2)}{\sum_{j \neq i} \exp(-s \|x_i - w_j\|^2)}$, averaged over
images and patches. Reference: Yang et al., CVPR 2019, eq. 2 (patch-based discriminative feature learning).

In place of the nearest, $K_i$ may be given: the rows of images that the whole image finds credible, for instance.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from reseen.losses.streaming_logsumexp import streaming_logsumexp_and_top


@dataclass(frozen=True)
class PatchMemory:
    """The memory of one patch as the loss sees it: all rows, and those of the batch as they are about to be."""

    rows: Float[Tensor, "n e"]
    """Rows of all images; may lie in host memory."""
    changed: Int64[Tensor, " u"]
    """Row numbers that the batch changes, each once."""
    fresh: Float[Tensor, "u e"]
    """What they become; read in place of the old."""
    squares: Float[Tensor, " n"] | None = None
    """Squared length of every row, where it is known already."""


def patch_discrimination(
    features: Float[Tensor, "b e"],
    own: Int64[Tensor, " b"],
    memory: PatchMemory,
    count: int,
    scale: float,
    positives: Int64[Tensor, "b k"] | None = None,
    chunk: int | None = None,
) -> Float[Tensor, ""]:
    r"""The loss of one patch, mean over the batch; no gradient reaches the memory.

    `own`: each image's row; `count`: k; `scale`: s. Never negative; 0 where k reaches all other rows;
    $\ln((n - 1) / k)$ where all are equally far. `positives`: rows to be pulled to in place of the `count` nearest, the
    own not among them, -1 for none; an image without any counts for nothing.
    """
    # -s |x - w|^2 = 2 s x.w - s |w|^2 - s |x|^2, and the last is the same above and below
    changed = memory.changed.to(features.device)
    away = changed[None].expand(len(features), -1)
    looked_for = count if positives is None else 0
    elsewhere, nearest = streaming_logsumexp_and_top(
        features, memory.rows, looked_for, 2 * scale, scale, away, chunk, memory.squares
    )
    fresh = memory.fresh.to(features)
    close = 2 * scale * features @ fresh.T - scale * fresh.square().sum(dim=1)
    close = close.masked_fill(changed[None] == own[:, None], -torch.inf)
    whole = torch.logaddexp(elsewhere, _log_sum(close))
    if positives is None:
        candidates = torch.cat([_logits(features, memory.rows, nearest, scale), close], dim=1)
        chosen = candidates.topk(min(count, candidates.shape[1]), dim=1).values
        return (whole - _log_sum(chosen)).clamp_min(0).mean()
    told = _renewed(_logits(features, memory.rows, positives, scale), positives, close, changed)
    alone = (positives < 0).all(dim=1)
    each = (whole - _log_sum(told)).clamp_min(0).masked_fill(alone, 0)
    return each.sum() / (~alone).sum().clamp_min(1)


def _logits(
    features: Float[Tensor, "b e"], rows: Float[Tensor, "n e"], which: Int64[Tensor, "b k"], scale: float
) -> Float[Tensor, "b k"]:
    """Logits of some rows for each image; minus infinity for none."""
    found = rows[which.clamp_min(0).to(rows.device)].to(features)
    logits = 2 * scale * torch.einsum("be,bke->bk", features, found) - scale * found.square().sum(dim=2)
    return logits.masked_fill(which < 0, -torch.inf)


def _renewed(
    logits: Float[Tensor, "b k"],
    which: Int64[Tensor, "b k"],
    close: Float[Tensor, "b u"],
    changed: Int64[Tensor, " u"],
) -> Float[Tensor, "b k"]:
    """The same with what changed rows become."""
    if len(changed) == 0:
        return logits
    order = changed.argsort()
    place = torch.searchsorted(changed[order], which).clamp_max(len(changed) - 1)
    column = order[place]
    return torch.where(changed[column] == which, close.gather(1, column), logits)


def _log_sum(logits: Float[Tensor, "b k"]) -> Float[Tensor, " b"]:
    """Log-sum-exp whose gradient is 0, not NaN, where every logit is minus infinity."""
    return logits.clamp_min(-1e30).logsumexp(dim=1)
