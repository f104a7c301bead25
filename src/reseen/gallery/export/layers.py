"""Which nodes of an ONNX graph are layers with weights, and what follows each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

_PLAIN = ("Conv", "Gemm", "MatMul")
_FOLLOWERS = ("Clip", "Relu")
_BETWEEN = ("Add", "MaxPool")
"""Operators that stay int8 between convolutions, so that numbers need not be converted back and forth."""


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
