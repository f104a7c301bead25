"""Post-training int8 quantization of ONNX files, with the most sensitive layers kept in float32.

Weights of convolutions and matrix products are quantized per output channel; activation ranges are moving averages over
batches of real crops, so that a single outlier does not widen them. Operators without weights (resizing, pooling,
attention products, normalization) stay in float32. Each layer is first quantized alone to measure its effect on the
vectors. Layers then return to float32, in order of loss per multiplication, until the median cosine is high enough; a
layer whose return makes the loss clearly worse stays int8, because onnxruntime 1.31 computes some mixtures of int8 and
float32 layers incorrectly. No labels are used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from reseen.errors import ExportError
from reseen.exported.metadata import Card, first_line
from reseen.exported.onnx_file import OnnxFile, save_with_card
from reseen.optional_dependencies import require_package
from reseen.runs.console import RunView

_PLAIN = ("Conv", "Gemm", "MatMul")
_FOLLOWERS = ("Clip", "Relu")
_BETWEEN = ("Add", "MaxPool")
"""Operators that stay int8 between convolutions, which avoids conversions to float32 and back."""


LOSS = 0.004
"""Default allowed drop below 1 of the median cosine between int8 and float32 vectors."""

_WORSE = 1.2
"""A layer whose return to float32 multiplies the loss by this or more stays int8; losses are not monotonic."""

_BATCH = 16
_PROBES = 32
"""Number of crops that losses are measured on."""


@dataclass(frozen=True)
class Layers:
    """The quantizable layers of an ONNX graph, by node name."""

    names: tuple[str, ...]
    """Layers with weights, in the order of the graph."""
    followers: dict[str, tuple[str, ...]]
    """Activations that follow each layer."""
    between: dict[str, tuple[str, ...]]
    """Additions and poolings, by name, with the layers that their inputs come from."""
    work: tuple[int, ...]
    """Multiplications of each layer per image."""
    operators: tuple[str, ...]
    """Operator types of all of these."""

    def with_followers(self, names: Sequence[str]) -> list[str]:
        """The given layers, their activations, and the operators all of whose inputs come from given layers."""
        selected = set(names)
        nodes = [node for name in names for node in (name, *self.followers[name])]
        return nodes + [node for node, sources in self.between.items() if set(sources) <= selected]


def find_layers(model: Any) -> Layers:
    """Find the convolutions and the matrix products with constant weights; attention products have none.

    Work counts spatial positions only if the graph has been annotated with shapes.
    """
    sizes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    shapes = {
        value.name: [axis.dim_value or 1 for axis in value.type.tensor_type.shape.dim]
        for value in (*model.graph.value_info, *model.graph.output)
    }
    users: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    names, work, followers, origin, between = [], [], {}, {}, {}
    for node in model.graph.node:
        if node.op_type in _PLAIN and len(node.input) > 1 and _weighted(node, sizes):
            names.append(node.name)
            shape = shapes.get(node.output[0], [])
            positions = shape[2:] if node.op_type == "Conv" else shape[1:-1]
            work.append(prod(sizes[node.input[1]]) * prod(positions))
            activations = [user for user in users.get(node.output[0], []) if user.op_type in _FOLLOWERS]
            followers[node.name] = tuple(user.name for user in activations)
            for output in (node.output[0], *(user.output[0] for user in activations)):
                origin[output] = (node.name,)
        elif node.op_type in _BETWEEN and all(name in origin for name in node.input):
            sources = tuple(source for name in node.input for source in origin[name])
            between[node.name] = sources
            for user in (
                node,
                *(user for user in users.get(node.output[0], []) if user.op_type in _FOLLOWERS),
            ):
                origin[user.output[0]] = sources
    return Layers(tuple(names), followers, between, tuple(work), (*_PLAIN, *_FOLLOWERS, *_BETWEEN))


def _weighted(node: Any, sizes: dict[str, tuple[int, ...]]) -> bool:
    """Whether a node's second input is constant: of any shape for a convolution, a matrix for a product."""
    size = sizes.get(node.input[1])
    return size is not None and (node.op_type == "Conv" or len(size) == 2)


def quantize(
    source: Path, card: Card, images: np.ndarray, file: Path, view: RunView, allowed: float = LOSS
) -> Card:
    """Quantize a float32 ONNX file to one with QDQ nodes, which ONNX Runtime and OpenVINO both run.

    Args:
        source: the float32 file.
        card: its metadata.
        images: calibration images, as input of the file.
        file: the file to write.
        view: shows progress.
        allowed: allowed drop of the median cosine below 1.

    Returns:
        The card, extended by how many layers were kept in float32.

    Raises:
        ExportError: onnxruntime cannot quantize this graph.
        SettingsError: onnxruntime is not installed.
    """
    onnx = require_package("onnx", "onnx")
    require_package("onnxruntime.quantization", "onnx")
    try:
        prepared = _with_shapes(source)
        layers = find_layers(onnx.load(str(prepared)))
        trial = _Trial(prepared, file, layers, images)
        trial.calibrate(view.phase("calibrating", len(images)))
        progress = view.phase("finding sensitive layers", len(layers.names))
        alone = []
        for name in layers.names:
            alone.append(trial.loss([name]))
            progress(1)
        in_float32 = _select_float32(trial, layers, alone, view, allowed)
        model = onnx.load(str(file))
    except Exception as error:
        raise ExportError(
            f"onnxruntime cannot quantize this model ({first_line(error)}); omit --int8"
        ) from None
    calibration = f"{card['reseen.calibration']}; {len(in_float32)} of {len(alone)} layers kept in float32"
    card = card | {"reseen.calibration": calibration}
    save_with_card(model, card, file)
    return card


def _with_shapes(source: Path) -> Path:
    """Annotate a graph with tensor shapes, which quantization needs."""
    prepared = source.with_name("prepared.onnx")
    shapes = require_package("onnxruntime.quantization.shape_inference", "onnx")
    shapes.quant_pre_process(str(source), str(prepared), skip_optimization=True, skip_symbolic_shape=True)
    return prepared


def _select_float32(
    trial: "_Trial", layers: Layers, alone: Sequence[float], view: RunView, allowed: float
) -> list[str]:
    """Select the layers to keep in float32; the trial's file then holds the others in int8."""
    in_float32: list[str] = []
    loss = trial.loss(layers.names)
    order = sorted(range(len(alone)), key=lambda layer: -alone[layer] / max(layers.work[layer], 1))
    progress = view.phase("keeping sensitive layers", len(order))
    for layer in order:
        if loss <= allowed:
            break
        candidate = [*in_float32, layers.names[layer]]
        candidate_loss = trial.loss([name for name in layers.names if name not in candidate])
        if candidate_loss < _WORSE * loss:
            in_float32, loss = candidate, candidate_loss
        progress(1)
    trial.loss([name for name in layers.names if name not in in_float32])
    return in_float32


class _Trial:
    """Quantizes subsets of layers, with activation ranges measured once, and measures the loss."""

    def __init__(self, source: Path, file: Path, layers: Layers, images: np.ndarray) -> None:
        self._source, self._file, self._layers = source, file, layers
        self._images = images
        self._ranges = file.with_name("ranges.json")
        self._probes = images[:_PROBES]
        self._expected = OnnxFile(source)(self._probes)

    def calibrate(self, progress: Any) -> None:
        """Measure the ranges of all activations."""
        self._quantize(self._layers.names, _Reader(self._images, progress))

    def loss(self, names: Sequence[str]) -> float:
        """1 minus the median cosine with these layers in int8, the others in float32; the file stays written."""
        self._quantize(names, None)
        cosines = (OnnxFile(self._file)(self._probes) * self._expected).sum(axis=1)
        return max(0.0, 1 - float(np.median(cosines)))

    def _quantize(self, names: Sequence[str], reader: Any) -> None:
        quantization = require_package("onnxruntime.quantization", "onnx")
        quantization.quantize_static(
            str(self._source),
            str(self._file),
            reader,
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(self._layers.operators),
            nodes_to_quantize=self._layers.with_followers(names),
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            calibration_cache_path=str(self._ranges),
            extra_options={"CalibMovingAverage": True, "CalibMovingAverageConstant": 0.1},
        )


class _Reader:
    """Calibration batches, by the interface of `onnxruntime.quantization.CalibrationDataReader`."""

    def __init__(self, images: np.ndarray, progress: Any) -> None:
        self._batches = iter(np.array_split(images, max(1, len(images) // _BATCH)))
        self._progress = progress

    def get_next(self) -> dict[str, Any] | None:
        """The next batch; None at the end."""
        images = next(self._batches, None)
        if images is None:
            return None
        self._progress(len(images))
        return {"images": images}
