r"""Pull an image to its own memory row and to those of its credible neighbors, by how similar they are.

With unit rows $M$ of the memory, $s_{ij} = f_i \cdot M_j$, credible neighbors $C_i$ and weights $w_{ij}$ that sum to 1:

- `softmax`: $-\sum_{j} w_{ij} \log P(j | i)$ with $P(j | i) \propto \exp(s_{ij} / \tau)$ over the whole memory;
- `summed`: $-\log \sum_{j \in C_i} P(j | i)$, where each neighbor is as good as another;
- `regression`: $\delta \sum_j w_{ij} (1 - s_{ij})^2$ + the mean of $(1 + s_{ij})^2$ over the hardest negatives.

References: the first in our reconstruction of a global similarity loss; with uniform weights it is Zhong et al., CVPR
2019, eq. 8; the last Wang and Zhang, CVPR 2020, eq. 7.
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
"""Numbers of memory rows that are gathered at once: 64 MiB of float32."""


class GlobalSimilaritySettings(Settings):
    """How an image is pulled to its credible neighbors."""

    kind: Literal["softmax", "summed", "regression"] = "softmax"
    """The loss: see the method's page."""

    weights: Annotated[Literal["similarity", "uniform", "self"], When(kind=("softmax", "regression"))] = (
        "similarity"
    )
    """Neighbors weigh by their similarity, each 1/k, or share what `self_share` leaves; all weights sum to 1."""

    neighbor_weight: Annotated[
        float, Field(ge=0), When(kind=("softmax", "regression"), weights=("similarity", "uniform"))
    ] = 1.0
    """Weight of all neighbors together where the image itself weighs 1; for `similarity` and `uniform`."""

    self_share: Annotated[float, Field(gt=0, le=1), When(kind=("softmax", "regression"), weights="self")] = (
        0.6
    )
    """Weight of the image itself; for `self`."""

    temperature: Annotated[float, Field(gt=0), When(kind=("softmax", "summed"))] = 0.05
    """Divides similarities before the softmax."""

    pull: Annotated[float, Field(gt=0), When(kind="regression")] = 5.0
    """Weight of positives against negatives; for `regression`."""

    hard_share: Annotated[float, Field(gt=0, le=1), When(kind="regression")] = 0.01
    """Share of the memory that counts as hard negatives, at least one row; for `regression`."""


def credible_weights(
    similarity: Float[Tensor, "b k"], present: Tensor, settings: GlobalSimilaritySettings
) -> Float[Tensor, "b k1"]:
    """Weights of the image itself (first column) and its neighbors, rows summing to 1; no gradient.

    `similarity`: of memory rows, -1 to 1; `present`: which columns hold a neighbor.
    """
    there = present.to(similarity)
    count = there.sum(dim=1, keepdim=True)
    if settings.weights == "similarity":
        raw = similarity.detach().clamp_min(0) * there
        raw = settings.neighbor_weight * raw / raw.sum(dim=1, keepdim=True).clamp_min(1e-12)
        own = torch.ones_like(count)
    elif settings.weights == "uniform":
        raw = settings.neighbor_weight * there / count.clamp_min(1)
        own = torch.ones_like(count)
    else:
        raw = (1 - settings.self_share) * there / count.clamp_min(1)
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
    """Mean over the batch; `rows` are the images' own memory rows, `neighbors` others', -1 for none.

    No gradient reaches the memory, which may lie in host memory. With no neighbors `softmax` and `summed` are the
    cross entropy with the own row; a memory of zeros gives ln n.
    """
    members = torch.cat([rows[:, None], neighbors], dim=1)
    present = members >= 0
    near = memory[members.clamp_min(0).to(memory.device)].to(features)
    similarity = torch.einsum("bd,bkd->bk", features, near)
    if settings.kind == "regression":
        return _regression(features, memory, members, near, similarity, present, settings)
    logits = similarity / settings.temperature
    whole = streaming_logsumexp(features, memory, 1 / settings.temperature)
    if settings.kind == "summed":
        return (whole - logits.masked_fill(~present, -torch.inf).logsumexp(dim=1)).mean()
    weights = credible_weights(_among(near), present[:, 1:], settings)
    return (whole - (weights * logits).sum(dim=1)).mean()


def _regression(
    features: Tensor,
    memory: Tensor,
    members: Tensor,
    near: Tensor,
    similarity: Tensor,
    present: Tensor,
    settings: GlobalSimilaritySettings,
) -> Float[Tensor, ""]:
    weights = credible_weights(_among(near), present[:, 1:], settings)
    pulled = settings.pull * (weights * (1 - similarity).square()).sum(dim=1)
    count = max(1, int(settings.hard_share * (len(memory) - 1)))
    hard = top_logits(features, memory, count, 1.0, hidden=members)
    pushed: Tensor = _PushedAway.apply(features, memory, hard)  # type: ignore[assignment]
    return (pulled + pushed).mean()


class _PushedAway(torch.autograd.Function):
    r"""Mean of $(1 + s)^2$ over some rows of the memory for each image, and its gradient on the way.

    A hundredth of a large memory for each image of a batch is more than the memory itself: images go a few at a time.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, memory: Tensor, rows: Tensor) -> Tensor:
        found, slopes = [], []
        at_once = max(1, _GATHERED // max(1, rows.shape[1] * features.shape[1]))
        for some, which in zip(features.split(at_once), rows.split(at_once), strict=True):
            near = memory[which.clamp_min(0).to(memory.device)].to(some)
            there = which >= 0
            share = there / there.sum(dim=1, keepdim=True).clamp_min(1)
            above = 1 + torch.einsum("bd,bkd->bk", some, near)
            found.append((share * above.square()).sum(dim=1))
            slopes.append(torch.einsum("bk,bkd->bd", 2 * share * above, near))
        ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        return gradients[0][:, None] * slopes, None, None


def _among(near: Float[Tensor, "b k1 d"]) -> Float[Tensor, "b k"]:
    """Similarity of the neighbors' memory rows to the image's own."""
    return torch.einsum("bd,bkd->bk", near[:, 0], near[:, 1:])
