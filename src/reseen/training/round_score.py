"""The score without labels of each round of a training, always on the same crops."""

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Int64
from torch import nn

from reseen.audit import probe_score
from reseen.data.crops import Crops
from reseen.features.probe_encoder import probe_encoder, probed_rows
from reseen.records import Features


class RoundScore:
    """Scores encoders on crops that are chosen once.

    Args:
        crops: the training crops.
        device: where the encoders are.
    """

    def __init__(self, crops: Crops, device: torch.device) -> None:
        self._crops, self._device = crops, device

    @cached_property
    def _rows(self) -> Int64[np.ndarray, " n"]:
        return probed_rows(self._crops)

    def __call__(self, extractor: nn.Module, features: Features) -> float | None:
        """The score of an encoder with these features of all crops; None for fewer than 40 crops."""
        return probe_score(probe_encoder(extractor, self._crops, self._device, features, rows=self._rows))
