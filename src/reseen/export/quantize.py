"""int8: convolutions and products with weights in 8-bit integers, the layers that would cost most left in float32.

Ranges of activations are moving averages over batches of real crops, so that one odd crop does not widen them for all.
Weights take a scale per output channel. What has no weights (resizing, pooling, attention's products, unit length)
stays in float32. Each layer is made int8 alone to see what it does to the vectors; then layers are spared, those that
lose most for their work first, until the vectors are near enough. One that makes them worse is not spared: some
mixtures of int8 and float32 layers are run wrongly by onnxruntime 1.31, and the vectors show it. No labels are read.

Which nodes of an ONNX graph are layers with weights, and what follows each of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from reseen.errors import ExportError
from reseen.export.card import Card
from reseen.export.graph import first_line
from reseen.export.onnx_file import OnnxFile, save_with_card
from reseen.optional_dependencies import require_package
from reseen.runs.console import RunView

_PLAIN = ("Conv", "Gemm", "MatMul")
_FOLLOWERS = ("Clip", "Relu")
_BETWEEN = ("Add", "MaxPool")
"""Operators that stay int8 between convolutions, so that numbers require_package not be converted back and forth."""


@dataclass(frozen=True)
class Layers:
    """Names of nodes."""

    names: tuple[str, ...]
    """Layers with weights, in the order of the graph."""
    followers: dict[str, tuple[str, ...]]
    """Activations behind each of them."""
    between: dict[str, tuple[str, ...]]
    """Sums and poolings of the int8 layers, by name, with the layers that they take their numbers from."""
    work: tuple[int, ...]
    """Multiplications of each layer for one image."""
    operators: tuple[str, ...]
    """Kinds of all of these."""

    def with_followers(self, names: Sequence[str]) -> list[str]:
        """Some layers, the activations behind them, and the sums of which all sides are among them."""
        chosen = set(names)
        nodes = [node for name in names for node in (name, *self.followers[name])]
        return nodes + [node for node, sources in self.between.items() if set(sources) <= chosen]


def find_layers(model: Any) -> Layers:
    """The convolutions of a graph and its products with a matrix of weights; attention's products have none.

    Work is counted where the graph knows the shapes of what flows in it.
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
            places = shape[2:] if node.op_type == "Conv" else shape[1:-1]
            work.append(prod(sizes[node.input[1]]) * prod(places))
            behind = [user for user in users.get(node.output[0], []) if user.op_type in _FOLLOWERS]
            followers[node.name] = tuple(user.name for user in behind)
            for output in (node.output[0], *(user.output[0] for user in behind)):
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
    """Whether a node's second input is a constant: of any shape for a convolution, a matrix for a product."""
    size = sizes.get(node.input[1])
    return size is not None and (node.op_type == "Conv" or len(size) == 2)


LOSS = 0.004
"""By how much the median cosine of vectors in int8 with those in float32 may fall below 1, where nobody says."""

_WORSE = 1.2
"""Losses of mixtures do not fall evenly; a layer whose sparing raises the loss by more than this factor stays int8."""

_BATCH = 16
_PROBES = 32
"""Crops that the loss of a layer is measured on."""


def quantize(
    source: Path, card: Card, images: np.ndarray, file: Path, view: RunView, allowed: float = LOSS
) -> Card:
    """Write an ONNX file with quantization nodes, which onnxruntime and OpenVINO both run, from one in float32.

    Returns the card, which also says how many layers were spared.

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
        spared = _spare(trial, layers, alone, view, allowed)
        model = onnx.load(str(file))
    except Exception as error:
        raise ExportError(
            f"onnxruntime cannot make this model int8 ({first_line(error)}); leave --int8 out"
        ) from None
    said = f"{card['reseen.calibration']}; {len(spared)} of {len(alone)} layers kept in float32"
    card = card | {"reseen.calibration": said}
    save_with_card(model, card, file)
    return card


def _with_shapes(source: Path) -> Path:
    """The same graph with the shapes of what flows in it, which the quantization wants to know."""
    prepared = source.with_name("prepared.onnx")
    shapes = require_package("onnxruntime.quantization.shape_inference", "onnx")
    shapes.quant_pre_process(str(source), str(prepared), skip_optimization=True, skip_symbolic_shape=True)
    return prepared


def _spare(
    trial: "_Trial", layers: Layers, alone: Sequence[float], view: RunView, allowed: float
) -> list[str]:
    """Layers to keep in float32; the file is left with the others in int8."""
    spared: list[str] = []
    loss = trial.loss(layers.names)
    order = sorted(range(len(alone)), key=lambda layer: -alone[layer] / max(layers.work[layer], 1))
    progress = view.phase("sparing sensitive layers", len(order))
    for layer in order:
        if loss <= allowed:
            break
        tried = [*spared, layers.names[layer]]
        found = trial.loss([name for name in layers.names if name not in tried])
        if found < _WORSE * loss:
            spared, loss = tried, found
        progress(1)
    trial.loss([name for name in layers.names if name not in spared])
    return spared


class _Trial:
    """Makes some layers int8, by ranges that are measured once, and looks at the vectors."""

    def __init__(self, source: Path, file: Path, layers: Layers, images: np.ndarray) -> None:
        self._source, self._file, self._layers = source, file, layers
        self._images = images
        self._ranges = file.with_name("ranges.json")
        self._probes = images[:_PROBES]
        self._wanted = OnnxFile(source)(self._probes)

    def calibrate(self, progress: Any) -> None:
        """Measure the ranges of all activations."""
        self._quantize(self._layers.names, _Reader(self._images, progress))

    def loss(self, names: Sequence[str]) -> float:
        """1 less the median cosine with these layers in int8, the others in float32; the file is left there."""
        self._quantize(names, None)
        cosines = (OnnxFile(self._file)(self._probes) * self._wanted).sum(axis=1)
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
    """Hands batches of images to the calibration."""

    def __init__(self, images: np.ndarray, progress: Any) -> None:
        self._batches = iter(np.array_split(images, max(1, len(images) // _BATCH)))
        self._progress = progress

    def get_next(self) -> dict[str, Any] | None:
        """The next batch, or None after the last."""
        images = next(self._batches, None)
        if images is None:
            return None
        self._progress(len(images))
        return {"images": images}
