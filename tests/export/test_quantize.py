from onnx import TensorProto, helper

from reseen.export.quantize import LOSS, _select_float32, find_layers
from reseen.runs.console import RunView


def graph():
    """Two convolutions with activations and a sum of both; a product of two activations; one with a matrix."""
    weight = [helper.make_tensor(f"w{i}", TensorProto.FLOAT, [1, 1, 1, 1], [1.0]) for i in (1, 2)]
    matrix = helper.make_tensor("m", TensorProto.FLOAT, [1, 1], [1.0])
    nodes = [
        helper.make_node("Add", ["x", "x"], ["y"], "doubled"),
        helper.make_node("Conv", ["y", "w1"], ["a"], "first"),
        helper.make_node("Clip", ["a"], ["b"], "clip"),
        helper.make_node("Conv", ["b", "w2"], ["c"], "second"),
        helper.make_node("Add", ["b", "c"], ["d"], "sum"),
        helper.make_node("MatMul", ["d", "d"], ["e"], "attention"),
        helper.make_node("MatMul", ["e", "m"], ["f"], "product"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 1])]
    outputs = [helper.make_tensor_value_info("f", TensorProto.FLOAT, None)]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, [*weight, matrix]))


def test_layers_have_weights_and_take_along_what_lies_between_them():
    layers = find_layers(graph())
    assert layers.names == ("first", "second", "product")
    assert layers.with_followers(["first", "second"]) == ["first", "clip", "second", "sum"]
    assert layers.with_followers(["first"]) == ["first", "clip"]
    assert layers.with_followers(["product"]) == ["product"]


class Additive:
    """A trial whose losses add up, but for layers that lose three times as much when they are spared."""

    def __init__(self, losses, stubborn=()):
        self.losses, self.stubborn, self.last = losses, stubborn, None

    def loss(self, names):
        self.last = list(names)
        worse = sum(3 * self.losses[name] for name in self.stubborn if name not in names)
        return sum(self.losses[name] for name in names) + worse


def spare(losses, stubborn=()):
    trial = Additive(dict(zip(("first", "second", "product"), losses, strict=True)), stubborn)
    spared = _select_float32(trial, find_layers(graph()), losses, RunView(0, True), LOSS)
    assert sorted([*spared, *trial.last]) == ["first", "product", "second"]
    return spared


def test_layers_that_lose_most_are_spared_until_the_rest_is_near_enough():
    assert spare([LOSS, 0, 0]) == []
    assert spare([2 * LOSS, 0.1 * LOSS, 0.2 * LOSS]) == ["first"]
    assert spare([2 * LOSS, 0.1 * LOSS, 3 * LOSS]) == ["product", "first"]


def test_a_layer_whose_sparing_makes_it_worse_is_not_spared():
    assert spare([0.9 * LOSS, 0.8 * LOSS, 0], stubborn=["first"]) == ["second"]


def test_work_is_counted_per_place():
    model = graph()
    model.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, ["b", 1, 4, 5]))
    assert find_layers(model).work[0] == 20
