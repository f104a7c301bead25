"""Thumbnails of crops, small enough to compare all with all."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reseen.data.crops import Crops

ROWS, COLUMNS = 32, 16
"""Cells of a thumbnail."""
_BATCH = 512


def thumbnails(
    crops: Crops, progress: Callable[[int], None] = lambda _count: None
) -> Float[Tensor, "n 32 16"]:
    """Mean brightness, 0 to 255, of each of 32 x 16 cells of every crop."""
    parts = [torch.zeros(0, ROWS, COLUMNS)]
    for rows in torch.arange(len(crops)).split(_BATCH):
        brightness = crops.images(rows).float().mean(dim=1, keepdim=True)
        parts.append(F.adaptive_avg_pool2d(brightness, (ROWS, COLUMNS))[:, 0])
        progress(len(rows))
    return torch.cat(parts)
