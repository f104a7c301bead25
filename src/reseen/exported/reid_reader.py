"""The folder of the package `reid` as it is read: `weights.safetensors`, `reid_config.json` and timm's `config.json`.

It is computed here as that package computes it, from a plain timm model.
"""

from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from jaxtyping import Float32
from pydantic import BaseModel, ConfigDict, Field

from reseen.errors import ExportError, WeightsError
from reseen.exported.metadata import Card
from reseen.geometry import unit
from reseen.models.weights import mismatch, read_safetensors
from reseen.reading import read_json_as

REID_CONFIG = "reid_config.json"
TIMM_CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
REID_FILES = (WEIGHTS, TIMM_CONFIG, REID_CONFIG)

TIMM_PREFIX = "timm:"
"""Before the name of a backbone in `architecture`."""
FOLDER_PREFIX = "local-dir:"
"""After it, before the folder of a `config.json`."""


class _Preprocessing(BaseModel):
    input_size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class _ReidConfig(BaseModel):
    """The content of `reid_config.json`, as far as it is read."""

    model_config = ConfigDict(extra="ignore")

    architecture: str
    preprocessing: _Preprocessing
    reseen: dict[str, str] = Field(default_factory=dict)


class ModelArguments(BaseModel):
    """Arguments of a timm model that is not built with its defaults; None for a default."""

    model_config = ConfigDict(extra="forbid")

    img_size: tuple[int, int] | None = None
    global_pool: str | None = None
    fc_norm: bool | None = None
    head_norm_first: bool | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The arguments that differ from timm's defaults."""
        return self.model_dump(exclude_none=True)


class _TimmConfig(BaseModel):
    model_config = ConfigDict(extra="ignore")

    architecture: str
    model_args: ModelArguments


class ReidFolder:
    """A folder of the format `reid`, computed as that package computes it, on the CPU.

    Raises:
        ExportError: a file is missing, damaged or of another model.
    """

    def __init__(self, folder: Path) -> None:
        self.runtime = f"timm {timm.__version__}"
        try:
            config = read_json_as(_ReidConfig, folder / REID_CONFIG)
            self.card: Card = config.reseen
            name, arguments = config.architecture.removeprefix(TIMM_PREFIX), ModelArguments()
            if name.startswith(FOLDER_PREFIX):
                timm_config = read_json_as(_TimmConfig, folder / TIMM_CONFIG)
                name, arguments = timm_config.architecture, timm_config.model_args
            if not timm.is_model(name.partition(".")[0]):  # timm would download what has a prefix
                raise ExportError(
                    f"{folder / REID_CONFIG}: timm has no model '{name[:80]}'; export the run again"
                )
            self._model = timm.create_model(name, pretrained=False, num_classes=0, **arguments.given).eval()
            state = read_safetensors(folder / WEIGHTS)
        except (OSError, ValueError, TypeError, RuntimeError, AssertionError, WeightsError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ExportError(f"{folder}: not a folder for reid ({reason}); export the run again") from None
        if problem := mismatch(state, self._model.state_dict()):
            raise ExportError(
                f"{folder / WEIGHTS}: does not fit {REID_CONFIG}: {problem}; export the run again"
            )
        self._model.load_state_dict(state, strict=False)
        self._mean = torch.tensor(config.preprocessing.mean)[:, None, None]
        self._std = torch.tensor(config.preprocessing.std)[:, None, None]

    @torch.no_grad()
    def __call__(self, images: np.ndarray) -> Float32[np.ndarray, "b d"]:
        """Unit vectors, float32, of RGB crops (b, 3, h, w) of the model's size with values 0 to 255."""
        values = (torch.from_numpy(images).float() / 255 - self._mean) / self._std
        return unit(self._model(values)).numpy()
