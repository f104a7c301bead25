"""`TorchvisionDetector`: detects people with a network of torchvision."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from reseen.config import suggestion
from reseen.errors import SettingsError, WeightsError
from reseen.video.boxes import Boxes, Pixels
from reseen.video.detector_weights import load_detector_weights, read_detector_weights
from reseen.video.settings import TorchvisionSettings


class TorchvisionDetector:
    """A network of `torchvision.models.detection`, on a GPU if there is one."""

    has_confidence = True

    def __init__(self, settings: TorchvisionSettings, score: float) -> None:
        """Build the network and load its weights; boxes with a score below `score` are dropped.

        Raises:
            SettingsError: torchvision has no such network.
            WeightsError: the weights cannot be read or downloaded, or do not fit.
        """
        from torchvision import models

        known = models.list_models(module=models.detection)
        if settings.name not in known:
            raise SettingsError(
                f"torchvision has no detector '{settings.name}'{suggestion(settings.name, known)}; "
                f"it has {', '.join(known)}"
            )
        self._person, self._score = settings.person, score
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model: Any = models.get_model(settings.name, weights=None, weights_backbone=None)
        state = _download(settings) if settings.weights is None else read_detector_weights(settings.weights)
        load_detector_weights(model, state, settings.weights, settings.name)
        self._model = model.eval().to(self._device)

    def prepare(self, sample: Sequence[Pixels]) -> None:
        """Do nothing."""

    @torch.inference_mode()
    def detect(self, pixels: Pixels, number: int) -> Boxes:  # noqa: ARG002
        """Boxes of people in a frame; `number` is not used."""
        image = torch.from_numpy(pixels).to(self._device).permute(2, 0, 1).float() / 255
        output = self._model([image])[0]
        kept = (output["labels"] == self._person) & (output["scores"] >= self._score)
        boxes, scores = (output[name][kept].cpu().numpy().astype(np.float64) for name in ("boxes", "scores"))
        return Boxes(boxes.reshape(-1, 4), scores)


def _download(settings: TorchvisionSettings) -> dict[str, torch.Tensor]:
    from torchvision import models

    try:
        weights: Any = models.get_model_weights(settings.name)
        return weights.DEFAULT.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, AttributeError) as error:
        raise WeightsError(
            f"the weights of {settings.name} cannot be downloaded ({error}); download them on another machine, and "
            "give the file with --torchvision.weights"
        ) from None
