from onnx import TensorProto, helper

from reseen.gallery.export.layers import find_layers
from reseen.gallery.export.quantize import _spare


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


def test_the_costliest_layers_are_spared_until_the_rest_is_cheap_enough():
    losses = [0.5, 0.001, 0.2, 0.001]
    assert _spare(losses, 0.01) == {0, 2}
    assert _spare(losses, 0.0015) == {0, 2, 1} or _spare(losses, 0.0015) == {0, 2, 3}
    assert _spare(losses, 1) == set()
    assert _spare(losses, 0) == {0, 1, 2, 3}
