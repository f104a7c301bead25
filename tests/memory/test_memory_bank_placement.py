"""Where memories lie."""

import pytest
import torch

from reseen.memory import MemoryBanks, fits_on_device

GPU = torch.device("cuda", 0)


@pytest.fixture
def free(monkeypatch):
    """A function that pretends a GPU with bytes free outside PyTorch, kept by it, and used of these."""

    def pretend(outside, kept=0, used=0):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (outside, 80 * 10**9))
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: kept)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: used)

    return pretend


def test_a_cpu_has_one_place_and_nothing_is_said_of_it():
    assert fits_on_device(10**15, torch.device("cpu")) == (True, "")


def test_they_lie_on_the_gpu_where_all_together_leave_half_of_it_and_a_line_says_which(free):
    free(10 * 10**9)
    assert fits_on_device(5 * 10**9, GPU) == (True, "memory banks of 5.00 GB are on the GPU")
    fits, note = fits_on_device(5 * 10**9 + 1, GPU)
    assert not fits
    assert "5.00 GB are in host memory and read in chunks: half of the 10.00 GB free" in note


def test_what_earlier_steps_left_behind_counts_as_free_and_what_tensors_hold_does_not(free):
    free(2 * 10**9, kept=10 * 10**9, used=2 * 10**9)
    assert fits_on_device(5 * 10**9, GPU)[0]
    assert not fits_on_device(6 * 10**9, GPU)[0]


@pytest.mark.parametrize("fits", [True, False])
def test_all_banks_are_where_the_first_decision_puts_them(fits):
    asked = []
    banks = MemoryBanks(torch.device("meta"), lambda choose: asked.append(choose) or (fits, "a note"))
    assert banks.note == ""
    rows = {"whole": torch.ones(4, 2), "patches": torch.ones(4, 3, 2), "centers": torch.ones(4, 2)}
    for _ in range(2):
        banks.fill(rows)
        assert {bank.vectors.device.type for bank in banks.by_name.values()} == {"meta" if fits else "cpu"}
        assert banks.note == "a note"
    assert len(asked) == 1
