"""Prediction of the masked regions of a feature map from the visible ones, for `maskpre`.

Each masked cell of the last map is predicted by a small convolutional head and compared with the same cell of an
unmasked map. Where the masks lie on the map itself, the head sees the visible cells only, and its window reaches from
the middle of the largest block to them. Where they lie on the output of frozen stages, the trained stages have already
processed the masked input; the head gets their whole map.

Reference: our reconstruction from the abstract of Yin et al., "Unsupervised person re-identification via simultaneous
clustering and mask prediction", Pattern Recognition 126, 2022.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from reseen.errors import SettingsError
from reseen.losses import masked_reconstruction
from reseen.models import Encoder
from reseen.models.masking import MaskSettings

_HIDDEN = 256
"""Channels of the head; a convolution of all channels of the map would take many times as long as the trunk."""


class RegionHead(nn.Module):
    """Predicts the cells of a feature map; `window` is the side of the square of cells that each is predicted from.

    Example:
        head = RegionHead(2048, window=5)
        predicted = head(maps * kept)  # (b, 2048, y, x); those where `kept` is False are compared
    """

    def __init__(self, channels: int, window: int, hidden: int = _HIDDEN) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, window, padding=window // 2, groups=hidden),
            nn.Conv2d(hidden, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1),
        )

    def forward(self, maps: Float[Tensor, "b d y x"]) -> Float[Tensor, "b d y x"]:
        """The predictions of all cells."""
        predicted: Tensor = self.layers(maps)
        return predicted


class RegionPrediction:
    """The region head and its loss over the views of a batch.

    Raises:
        SettingsError: the output of the backbone is not a feature map.
    """

    def __init__(self, masks: MaskSettings, encoder: Encoder, device: torch.device) -> None:
        if encoder.grid is None:
            raise SettingsError(
                "method.region_weight: the output of this backbone is not a feature map, so it has no regions to "
                "predict; set it to 0, or use another model.backbone"
            )
        self._on_map = masks.place == "map"
        self._grid = encoder.grid
        window = 2 * ((max(masks.sides) + 1) // 2) + 1 if self._on_map else 3
        self.head = RegionHead(encoder.channels, window).to(device)

    def loss(
        self,
        views: list[Float[Tensor, "b d y x"]],
        targets: list[Float[Tensor, "b d y x"]],
        masks: list[Bool[Tensor, "b 1 v u"]],
    ) -> Float[Tensor, ""]:
        """The mean over the views of `masked_reconstruction`, 0 to 4; no gradient flows to the targets.

        Args:
            views: the student's map of each view, unmasked where masks lie on the map itself.
            targets: the unmasked map that belongs to each view.
            masks: where each view is visible: cells of the map, or of the output of the frozen stages.
        """
        losses = []
        for view, target, kept in zip(views, targets, masks, strict=True):
            seen = kept if self._on_map else visible_cells(kept, self._grid)
            maps = view.float()
            predicted = self.head(maps * seen if self._on_map else maps)
            losses.append(masked_reconstruction(predicted, target.float(), seen))
        return torch.stack(losses).mean()


def visible_cells(kept: Bool[Tensor, "b 1 v u"], grid: tuple[int, int]) -> Bool[Tensor, "b 1 y x"]:
    """The mask of a map of `grid` (rows, columns), from that of an earlier map of the same crop.

    A cell is masked if at least half of the earlier map's cells that it covers are; a cell covers those that it
    overlaps, if only in part.
    """
    masked = F.adaptive_avg_pool2d((~kept).float(), grid)
    return masked < 0.5 - 1e-4  # half of some cells may round to less
