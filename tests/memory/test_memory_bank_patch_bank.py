"""The bank of patches against a plain bank of the same rows."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from reseen.memory import InstanceBank, PatchBank

CPU = torch.device("cpu")


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 5), st.floats(0, 1))
def test_every_patch_follows_the_rule_of_the_plain_bank(seed, patches, width, momentum):
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn(9, patches, width, generator=generator)
    features = torch.randn(6, patches, width, generator=generator)
    rows = torch.randint(0, 9, (6,), generator=generator)
    bank = PatchBank(start, CPU)
    changed, fresh = bank.preview(features, rows, momentum)
    assert torch.equal(bank.vectors, start)
    for patch in range(patches):
        plain = InstanceBank(start[:, patch], CPU, raw=True)
        expected = plain.preview(features[:, patch], rows, momentum)
        torch.testing.assert_close((changed, fresh[:, patch]), expected)
    bank.update(features, rows, momentum)
    for patch in range(patches):
        plain = InstanceBank(start[:, patch], CPU, raw=True)
        plain.update(features[:, patch], rows, momentum)
        torch.testing.assert_close(bank.vectors[:, patch], plain.vectors)


@given(st.integers(0, 1000), st.integers(1, 4))
def test_squared_lengths_follow_the_rows(seed, patches):
    generator = torch.Generator().manual_seed(seed)
    bank = PatchBank(torch.randn(7, patches, 3, generator=generator), CPU)
    for _ in range(3):
        rows = torch.randint(0, 7, (5,), generator=generator)
        bank.update(torch.randn(5, patches, 3, generator=generator), rows, 0.3)
        torch.testing.assert_close(bank.squares, bank.vectors.square().sum(dim=2))


def test_a_patch_lies_in_one_block():
    bank = PatchBank(torch.randn(5, 3, 4), CPU)
    assert bank.vectors[:, 1].is_contiguous()
    assert bank.squares[:, 1].is_contiguous()


def test_it_keeps_a_copy_even_of_a_single_patch():
    start = torch.ones(3, 1, 2)
    bank = PatchBank(start, CPU)
    bank.update(torch.zeros(1, 1, 2), torch.tensor([1]), 0.5)
    assert bool((start == 1).all())
    assert float(bank.vectors[1].max()) == 0.5
