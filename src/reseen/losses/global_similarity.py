r"""The global similarity loss: pull an image to its own memory row and to those of its credible neighbors.

With unit rows $M$ of the memory, $s_{ij} = f_i \cdot M_j$, credible neighbors $C_i$ and weights $w_{ij}$ that sum to 1:

- `softmax`: $-\sum_{j} w_{ij} \log P(j | i)$ with $P(j | i) \propto \exp(s_{ij} / \tau)$ over the whole memory;
- `summed`: $-\log \sum_{j \in C_i} P(j | i)$, which does not distinguish between neighbors;
- `regression`: $\delta \sum_j w_{ij} (1 - s_{ij})^2$ + the mean of $(1 + s_{ij})^2$ over the hardest negatives.

References: `softmax` is our reconstruction of a global similarity loss; with uniform weights it is eq. 8 of Zhong et
al., CVPR 2019. `regression` is eq. 7 of Wang and Zhang, CVPR 2020.
"""

from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from reseen.conditions import When
from reseen.config import Settings
from reseen.losses.streaming_logsumexp import streaming_logsumexp, top_logits

_GATHERED = 1 << 24
"""Values of memory rows that are gathered at once: 64 MiB of float32."""


class GlobalSimilaritySettings(Settings):
    """Settings of the global similarity loss."""

    kind: Literal["softmax", "summed", "regression"] = "softmax"
    """Form of the loss: weighted cross-entropy, log of the summed probabilities, or similarity regression."""

    weights: Annotated[Literal["similarity", "uniform", "self"], When(kind=("softmax", "regression"))] = (
        "similarity"
    )
    """Weights of the neighbors: proportional to similarity, uniform, or `self`: uniform over the 1 - `self_share` that
    the image itself leaves. All weights sum to 1."""

    neighbor_weight: Annotated[
        float, Field(ge=0), When(kind=("softmax", "regression"), weights=("similarity", "uniform"))
    ] = 1.0
    """Total weight of the neighbors relative to the image itself, which has 1; for `similarity` and `uniform`."""

    self_share: Annotated[float, Field(gt=0, le=1), When(kind=("softmax", "regression"), weights="self")] = (
        0.6
    )
    """Weight of the image itself; for `self`."""

    temperature: Annotated[float, Field(gt=0), When(kind=("softmax", "summed"))] = 0.05
    """Softmax temperature of the similarities."""

    pull: Annotated[float, Field(gt=0), When(kind="regression")] = 5.0
    """Weight of the positive term relative to the negative term; for `regression`."""

    hard_share: Annotated[float, Field(gt=0, le=1), When(kind="regression")] = 0.01
    """Fraction of the memory used as hard negatives, at least one row; for `regression`."""


def credible_weights(
    similarity: Float[Tensor, "b k"], present: Tensor, settings: GlobalSimilaritySettings
) -> Float[Tensor, "b k1"]:
    """Weights of the image itself (first column) and its neighbors, rows summing to 1; no gradient.

    `similarity`: cosine of the neighbors' memory rows with the image's own, -1 to 1; `present`: (b, k) bool, which
    columns hold a neighbor.
    """
    mask = present.to(similarity)
    count = mask.sum(dim=1, keepdim=True)
    if settings.weights == "similarity":
        raw = similarity.detach().clamp_min(0) * mask
        raw = settings.neighbor_weight * raw / raw.sum(dim=1, keepdim=True).clamp_min(1e-12)
        own = torch.ones_like(count)
    elif settings.weights == "uniform":
        raw = settings.neighbor_weight * mask / count.clamp_min(1)
        own = torch.ones_like(count)
    else:
        raw = (1 - settings.self_share) * mask / count.clamp_min(1)
        own = torch.full_like(count, settings.self_share)
    weights = torch.cat([own, raw], dim=1)
    return weights / weights.sum(dim=1, keepdim=True)


def global_similarity(
    features: Float[Tensor, "b d"],
    rows: Int64[Tensor, " b"],
    memory: Float[Tensor, "n d"],
    neighbors: Int64[Tensor, "b k"],
    settings: GlobalSimilaritySettings,
) -> Float[Tensor, ""]:
    """The global similarity loss, averaged over the batch.

    `rows` are the memory rows of the images themselves, `neighbors` those of their credible neighbors, padded with -1.
    No gradient flows to the memory, which may be in host memory. Without neighbors `softmax` and `summed` reduce to the
    cross-entropy with the image's own row; an all-zero memory gives ln n.

    Example:
        loss = global_similarity(encoder(images), rows, bank.vectors, neighbors[rows], settings)
    """
    members = torch.cat([rows[:, None], neighbors], dim=1)
    present = members >= 0
    positives = memory[members.clamp_min(0).to(memory.device)].to(features)
    similarity = torch.einsum("bd,bkd->bk", features, positives)
    if settings.kind == "regression":
        return _regression(features, memory, members, positives, similarity, present, settings)
    logits = similarity / settings.temperature
    log_partition = streaming_logsumexp(features, memory, 1 / settings.temperature)
    if settings.kind == "summed":
        return (log_partition - logits.masked_fill(~present, -torch.inf).logsumexp(dim=1)).mean()
    weights = credible_weights(_neighbor_similarity(positives), present[:, 1:], settings)
    return (log_partition - (weights * logits).sum(dim=1)).mean()


def _regression(
    features: Tensor,
    memory: Tensor,
    members: Tensor,
    positives: Tensor,
    similarity: Tensor,
    present: Tensor,
    settings: GlobalSimilaritySettings,
) -> Float[Tensor, ""]:
    weights = credible_weights(_neighbor_similarity(positives), present[:, 1:], settings)
    positive_term = settings.pull * (weights * (1 - similarity).square()).sum(dim=1)
    count = max(1, int(settings.hard_share * (len(memory) - 1)))
    hard_negatives = top_logits(features, memory, count, 1.0, hidden=members)
    negative_term: Tensor = _NegativeTerm.apply(features, memory, hard_negatives)  # type: ignore[assignment]
    return (positive_term + negative_term).mean()


class _NegativeTerm(torch.autograd.Function):
    r"""Mean of $(1 + s)^2$ over the given memory rows of each image; the gradient is computed in the forward pass.

    The hard negatives of a whole batch can exceed the memory itself in size, so images are processed in chunks.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, memory: Tensor, rows: Tensor) -> Tensor:
        losses, gradients = [], []
        at_once = max(1, _GATHERED // max(1, rows.shape[1] * features.shape[1]))
        for chunk, chunk_rows in zip(features.split(at_once), rows.split(at_once), strict=True):
            negatives = memory[chunk_rows.clamp_min(0).to(memory.device)].to(chunk)
            present = chunk_rows >= 0
            weights = present / present.sum(dim=1, keepdim=True).clamp_min(1)
            shifted = 1 + torch.einsum("bd,bkd->bk", chunk, negatives)
            losses.append((weights * shifted.square()).sum(dim=1))
            gradients.append(torch.einsum("bk,bkd->bd", 2 * weights * shifted, negatives))
        ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(losses)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        (local,) = ctx.saved_tensors
        return gradients[0][:, None] * local, None, None


def _neighbor_similarity(positives: Float[Tensor, "b k1 d"]) -> Float[Tensor, "b k"]:
    """Similarity of the neighbors' memory rows (all but the first) to the image's own (the first)."""
    return torch.einsum("bd,bkd->bk", positives[:, 0], positives[:, 1:])
