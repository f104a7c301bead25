"""ONNX files: written by torch's exporter, run by ONNX Runtime."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from reseen.environment import versions
from reseen.errors import ExportError
from reseen.exported.input_spec import InputSpec
from reseen.exported.metadata import PREFIX, Card, first_line
from reseen.optional_dependencies import require_package

OPSET = 18
"""Default version of the ONNX operators; the lowest that torch writes."""

OPSETS = range(OPSET, 24)
"""Versions that can be written."""


def write_onnx(
    program: torch.export.ExportedProgram, spec: InputSpec, card: Card, file: Path, opset: int = OPSET
) -> None:
    """Write a traced graph and its metadata as an ONNX file, with operators of version `opset`.

    Raises:
        ExportError: the backbone uses an operator that ONNX lacks, or the weights exceed the 2 GB limit of one file.
        SettingsError: onnx or onnxscript is not installed.
    """
    for module in ("onnx", "onnxscript"):
        require_package(module, "onnx")
    try:
        exported = torch.onnx.export(
            program,
            input_names=["images"],
            output_names=["vectors"],
            opset_version=opset,
            dynamo=True,
            verbose=False,
        )
        assert exported is not None
        model = exported.model_proto
    except Exception as error:
        raise ExportError(
            f"ONNX cannot express this backbone ({first_line(error)}); use --format torch, or train another backbone"
        ) from None
    written = next((entry.version for entry in model.opset_import if entry.domain == ""), None)
    if written != opset:
        raise ExportError(
            f"this backbone cannot be written in opset {opset}, only {written}; use --opset {written}"
        )
    _name_axes(model, spec)
    save_with_card(model, card, file)


def save_with_card(model: Any, card: Card, file: Path) -> None:
    """Write an ONNX model, its metadata replaced by the card.

    Raises:
        ExportError: the model exceeds the 2 GB limit of one file.
    """
    model.producer_name, model.producer_version = "reseen", versions()["reseen"]
    del model.metadata_props[:]
    for key, text in card.items():
        model.metadata_props.add(key=key, value=text)
    try:
        file.write_bytes(model.SerializeToString())
    except (ValueError, RuntimeError) as error:  # raised by protobuf above 2 GB
        raise ExportError(f"the model does not fit into one ONNX file ({first_line(error)})") from None


def _name_axes(model: Any, spec: InputSpec) -> None:
    """Give dynamic axes readable names; inner shapes are removed, so that runtimes infer them."""
    names = {0: "batch"}
    if spec.any_size:
        names |= dict(zip(spec.size_axes, ("height", "width"), strict=True))
    shape = model.graph.input[0].type.tensor_type.shape
    for axis, name in names.items():
        shape.dim[axis].dim_param = name
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    del model.graph.value_info[:]


class OnnxFile:
    """An ONNX file in ONNX Runtime, on the CPU, with as many threads as torch uses.

    Raises:
        SettingsError: onnxruntime is not installed.
    """

    def __init__(self, file: Path) -> None:
        runtime = require_package("onnxruntime", "onnx")
        self.runtime = f"onnxruntime {runtime.__version__}"
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        self._session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.card: Card = {key: text for key, text in metadata.items() if key.startswith(PREFIX)}

    def __call__(self, images: np.ndarray) -> Float32[np.ndarray, "b d"]:
        """Unit vectors, float32, of images in the layout and type that the card describes."""
        return self._session.run(["vectors"], {"images": images})[0]
