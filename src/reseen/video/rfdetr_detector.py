"""`RfdetrDetector`: detection by RF-DETR, a transformer of the package `rfdetr`."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from reseen.errors import WeightsError
from reseen.optional_dependencies import require_package
from reseen.video.boxes import Boxes, Pixels
from reseen.video.detector_weights import load_detector_weights, read_detector_weights
from reseen.video.settings import RfdetrSettings

_NETWORKS = {"nano": "RFDETRNano", "small": "RFDETRSmall", "medium": "RFDETRMedium", "large": "RFDETRLarge"}
"""Classes of the package under Apache-2.0. `base` is deprecated; larger sizes have another license."""


class RfdetrDetector:
    """A network of `rfdetr`, on a GPU where there is one."""

    has_confidence = True

    def __init__(self, settings: RfdetrSettings, score: float) -> None:
        """Build the network and load its weights; boxes below `score` are dropped.

        Raises:
            SettingsError: rfdetr is not installed.
            WeightsError: the weights cannot be read or downloaded, or do not fit.
        """
        self._person, self._score = settings.person, score
        with _quiet():
            network, name = getattr(_import(), _NETWORKS[settings.name]), f"rfdetr:{settings.name}"
            file = settings.weights
            self._model = _downloaded(network, name) if file is None else _loaded(network, name, file)

    def prepare(self, sample: Sequence[Pixels]) -> None:
        """Do nothing."""

    def detect(self, pixels: Pixels, number: int) -> Boxes:  # noqa: ARG002
        """Boxes of people in a frame; `number` is not used."""
        with _quiet():
            found = self._model.predict(pixels, threshold=0.0, include_source_image=False)
        kept = (found.class_id == self._person) & (found.confidence >= self._score)
        return Boxes(found.xyxy[kept].astype(np.float64), found.confidence[kept].astype(np.float64))


def _import() -> Any:
    """Import the package, and undo what the import changes for the whole process.

    It lowers the precision of float32 matrix products, and removes Pillow's limit on the size of images.
    """
    precision, limit = torch.get_float32_matmul_precision(), Image.MAX_IMAGE_PIXELS
    try:
        return require_package("rfdetr", "rfdetr")
    finally:
        torch.set_float32_matmul_precision(precision)
        Image.MAX_IMAGE_PIXELS = limit


def _downloaded(network: Any, name: str) -> Any:
    """Build the network with the published weights, which the package downloads and caches."""
    try:
        return network()
    except (OSError, RuntimeError, ValueError) as error:  # no network; a damaged file; another hash
        assets: Any = require_package("rfdetr.assets", "rfdetr")
        file = str(network(pretrain_weights=None).get_model_config().pretrain_weights)
        raise WeightsError(
            f"the weights of {name} cannot be downloaded ({type(error).__name__}); download "
            f"{assets.ModelWeights.get_url(file)} on another machine as {assets.get_model_cache_dir()}/{file}, or "
            "give a safetensors file with --rfdetr.weights"
        ) from None


def _loaded(network: Any, name: str, file: Path) -> Any:
    """Build the network with the weights of a file, and with its number of classes."""
    state = read_detector_weights(file)
    model = network(pretrain_weights=None)
    classes = state.get("class_embed.bias")
    if classes is not None and classes.shape != model.model.model.class_embed.bias.shape:
        model.model.reinitialize_detection_head(len(classes))
    load_detector_weights(model.model.model, state, file, name)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the log and the warnings of the package, which are about training."""
    logger = logging.getLogger("rf-detr")
    disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = disabled
