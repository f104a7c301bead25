"""Memories kept together against banks by themselves."""

import torch

from reseen.memory import InstanceBank, MemoryBanks, PatchBank

CPU = torch.device("cpu")
MOMENTUM = {"whole": 0.5, "patches": 0.8, "centers": 0.3}


def drawn(images, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = {"whole": (images, 6), "patches": (images, 2, 3), "centers": (images, 4)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def test_each_memory_moves_as_it_would_by_itself_and_lives_on_in_its_state():
    start, features, rows = drawn(9), drawn(4, seed=1), torch.tensor([3, 1, 3, 8])
    banks = MemoryBanks(CPU, lambda decide: decide())
    assert banks.state() == {}
    banks.fill(start)
    banks.update(features, rows, MOMENTUM)
    alone = {
        "whole": InstanceBank(start["whole"], CPU),
        "patches": PatchBank(start["patches"], CPU),
        "centers": InstanceBank(start["centers"], CPU, raw=True),
    }
    again = MemoryBanks(CPU, lambda decide: decide())
    again.restore({**banks.state(), "steps": torch.tensor(1)})
    for name, bank in alone.items():
        bank.update(features[name], rows, MOMENTUM[name])
        assert torch.equal(banks.by_name[name].vectors, bank.vectors)
        assert torch.equal(again.by_name[name].vectors, bank.vectors)


def test_only_what_was_given_is_kept_and_the_place_is_chosen_once():
    asked = []

    def decide(choice):
        asked.append(choice)
        return False, "in host memory"

    banks = MemoryBanks(CPU, decide)
    assert banks.note == ""
    for _ in range(2):
        banks.fill({"whole": drawn(5)["whole"]})
    assert len(asked) == 1
    assert banks.note == "in host memory"
    assert set(banks.by_name) == {"whole"}
    assert banks.patches is banks.centers is None
