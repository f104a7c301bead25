"""OpenVINO models, converted from ONNX: the graph in `.xml`, the weights in `.bin` beside it."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from reseen.exported.metadata import PREFIX, Card
from reseen.optional_dependencies import require_package

_SECTION = "reseen"


def write_openvino(onnx_file: Path, card: Card, file: Path) -> None:
    """Convert an ONNX file to `file` (.xml) and its weights, uncompressed (.bin).

    Raises:
        SettingsError: openvino is not installed.
    """
    openvino = require_package("openvino", "openvino")
    model = openvino.Core().read_model(str(onnx_file))
    for key, text in card.items():
        model.set_rt_info(text, [_SECTION, key.removeprefix(PREFIX)])
    openvino.save_model(model, str(file), compress_to_fp16=False)


class OpenvinoFile:
    """An OpenVINO model compiled for the CPU, in float32 or int8, with as many threads as torch uses.

    Raises:
        SettingsError: openvino is not installed.
    """

    def __init__(self, file: Path) -> None:
        openvino = require_package("openvino", "openvino")
        self.runtime = f"OpenVINO {openvino.__version__.partition('-')[0]}"
        core = openvino.Core()
        model = core.read_model(str(file))
        self.card: Card = {}
        if model.has_rt_info([_SECTION]):
            keys = model.get_rt_info([_SECTION]).astype(dict)
            self.card = {f"{PREFIX}{key}": model.get_rt_info([_SECTION, key]).astype(str) for key in keys}
        self._compiled = core.compile_model(
            model,
            "CPU",
            {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"},
        )

    def __call__(self, images: np.ndarray) -> Float32[np.ndarray, "b d"]:
        """Unit vectors, float32, of images in the layout and type that the card describes."""
        return np.array(self._compiled({"images": images})["vectors"])
