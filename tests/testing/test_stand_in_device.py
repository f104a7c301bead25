"""The device that refuses and counts what a GPU would."""

import copy

import pytest
import torch
from torch import nn

from reseen.testing.stand_in_device import (
    STAND_IN,
    MixedDevicesError,
    StandInDevice,
    StandInTensor,
    to_stand_in,
)


def test_numbers_are_those_of_the_cpu():
    inputs, weights = torch.randn(4, 3), torch.randn(3, 2, requires_grad=True)
    (inputs @ weights).relu().sum().backward()
    with StandInDevice() as device:
        moved = nn.Parameter(weights.detach().to(STAND_IN))
        (inputs.to(STAND_IN) @ moved).relu().sum().backward()
        assert moved.grad.device == STAND_IN
        assert device.reads == []
        assert torch.equal(moved.grad.to("cpu"), weights.grad)


def test_tensors_of_both_devices_are_refused():
    with StandInDevice():
        here, there = torch.ones(3), torch.ones(3, device=STAND_IN)
        with pytest.raises(MixedDevicesError, match=r"test_stand_in_device\.py"):
            here + there
        with pytest.raises(MixedDevicesError):
            there[torch.tensor([0, 1])]
        with pytest.raises(MixedDevicesError):
            torch.where(here > 0, there, there)
        assert (
            (there + 1).device == (torch.tensor(2.0) * there).device == STAND_IN
        )  # a number may be of the CPU


def test_the_generator_of_the_cpu_is_refused():
    generator = torch.Generator().manual_seed(0)
    with StandInDevice():
        with pytest.raises(MixedDevicesError):
            torch.rand(3, generator=generator, device=STAND_IN)
        assert torch.rand(3, generator=generator).to(STAND_IN).device == STAND_IN


@pytest.mark.parametrize(
    "read",
    [
        float,
        bool,
        torch.Tensor.item,
        torch.Tensor.cpu,
        lambda one: one.tolist(),
        torch.Tensor.nonzero,
        lambda one: one[one > 0],
    ],
)
def test_what_the_host_reads_is_counted(read):
    with StandInDevice() as device:
        value = torch.ones(1, device=STAND_IN)
        value * 2 + value.sum()
        assert device.reads == []
        read(value)
        assert len(device.reads) == 1
        assert "test_stand_in_device.py" in device.reads[0]


def test_tensors_of_numbers_are_made_there():
    with StandInDevice():
        made = [
            torch.tensor([1.0], device=STAND_IN),
            torch.zeros(1, device=STAND_IN),
            torch.arange(1, device=STAND_IN),
        ]
        made += [torch.zeros_like(made[0]), made[0].new_zeros(1)]
        assert all(isinstance(one, StandInTensor) for one in made)


def test_objects_are_moved_at_any_depth_once():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    holder = {"network": network, "rows": [torch.ones(2), (torch.zeros(1), torch.device("cpu"))], "name": "a"}
    to_stand_in(holder)
    weight = network[0].weight
    to_stand_in(holder)
    assert network[0].weight is weight
    assert all(value.device == STAND_IN for value in network.state_dict().values())
    assert holder["rows"][0].device == holder["rows"][1][0].device == holder["rows"][1][1] == STAND_IN
    with StandInDevice():
        other = copy.deepcopy(network)
        other[0].weight.data.zero_()
        assert isinstance(other[0].weight, nn.Parameter)
        assert float(network[0].weight.detach().abs().sum()) > 0
        network(torch.ones(3, 2, device=STAND_IN)).sum().backward()
    assert network[0].weight.grad.device == STAND_IN
