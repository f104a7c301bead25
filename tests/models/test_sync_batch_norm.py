"""Groups of a batch that several processes share, against one process; threads stand in for processes."""

import copy
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.limits import HANG_SECONDS
from timm.layers import DropPath
from torch import nn

from reseen.errors import SettingsError
from reseen.models import Encoder, ModelSettings
from reseen.models.batch_shard import BatchShard, BatchSplit
from reseen.models.norm import GROUPED, use_group_norms
from reseen.models.sharded_trunk import ShardedDropPath, shard_trunk
from reseen.models.sync_batch_norm import overlap


class Threads(BatchShard):
    """A share whose processes are threads."""

    def __init__(self, rank, size, barrier, table):
        super().__init__(rank, size)
        self._barrier, self._table = barrier, table

    def all_gather(self, numbers):
        self._table[self.rank] = numbers.detach().clone()
        self._barrier.wait()
        everyone = torch.stack([self._table[rank] for rank in range(self.size)])
        self._barrier.wait()
        return everyone

    def all_reduce(self, numbers):
        return numbers.copy_(self.all_gather(numbers).sum(dim=0))


def run_together(size, work):
    """`work(share)` in as many threads; what each returns."""
    barrier, table, found, faults = threading.Barrier(size, timeout=HANG_SECONDS), {}, {}, []

    def go(rank):
        try:
            found[rank] = work(Threads(rank, size, barrier, table))
        except Exception as fault:
            faults.append(fault)
            barrier.abort()

    threads = [threading.Thread(target=go, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise next(
            (fault for fault in faults if not isinstance(fault, threading.BrokenBarrierError)), faults[0]
        )
    return [found[rank] for rank in range(size)]


def network(group, share=None):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 4, 1, bias=False),
                          nn.BatchNorm2d(4, affine=False)).double()  # fmt: skip
    use_group_norms(model, group, share)
    return model


def learn(model, images, wanted, share=None):
    """Output, loss gradients and statistics of one step of one process."""
    share = share or BatchShard()
    images = images.clone().requires_grad_()
    with share.batch(len(images)) as own:
        output = share.gather(model(images[own]))
        loss = (output * wanted).square().mean() + output[0].sum() * output[-1].sum()
        loss.backward()
        share.sync_gradients(list(model.parameters()), [])
    gradients = [parameter.grad for parameter in model.parameters()]
    return output.detach(), images.grad, gradients, [buffer.double() for buffer in model.buffers()]


@settings(max_examples=25)
@given(st.integers(2, 17), st.integers(1, 4), st.one_of(st.none(), st.integers(2, 9)))
def test_one_result_however_the_batch_is_cut(images, size, group):
    size = min(size, images)
    generator = torch.Generator().manual_seed(images)
    batch = 3 + torch.randn(images, 3, 6, 4, generator=generator, dtype=torch.double)
    wanted = torch.randn(images, 4, 4, 2, generator=generator, dtype=torch.double)
    model = network(group)
    weights = copy.deepcopy(model.state_dict())
    output, of_images, of_weights, statistics = learn(model, batch, wanted)

    def learn_shard(share):
        own = network(group, share)
        own.load_state_dict(weights)  # threads share the generator that drew its weights
        return learn(own, batch, wanted, share)

    parts = run_together(size, learn_shard) if size > 1 else []
    for found, _, gradients, moved in parts:
        assert torch.allclose(found, output, atol=1e-9)
        for one, other in zip([*gradients, *moved], [*of_weights, *statistics], strict=True):
            assert torch.allclose(one, other, atol=1e-9)
    if parts:
        assert torch.allclose(sum(part[1] for part in parts), of_images, atol=1e-9)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 5))
def test_pieces_cover_groups_and_parts(sizes, processes):
    total = sum(sizes)
    cut = BatchSplit(tuple(total * rank // processes for rank in range(processes + 1)), 0)
    group_of = [group for group, size in enumerate(sizes) for _ in range(size)]
    rows = overlap(cut, sizes).rows
    for rank, row in enumerate(rows):
        inside = group_of[cut.bounds[rank] : cut.bounds[rank + 1]]
        assert list(row) == [inside.count(group) for group in range(len(sizes))]
    holders = [sum(group in group_of[a:b] for a, b in zip(cut.bounds, cut.bounds[1:], strict=False))
               for group in range(len(sizes))]  # fmt: skip
    assert overlap(cut, sizes).spanning == [group for group, count in enumerate(holders) if count > 1]


def test_branches_are_dropped_as_one_process_would():
    def drop(share=None):
        torch.manual_seed(3)
        module = DropPath(0.5).train()
        if share is None:
            return module(torch.ones(11, 2, 2))
        module = ShardedDropPath(module, share)
        with share.batch(11) as own:
            return module(torch.ones(11, 2, 2)[own])

    whole = drop()
    assert 0 < int((whole == 0).all(dim=(1, 2)).sum()) < 11
    for rank in range(3):
        share = BatchShard(rank, 3)
        with share.batch(11) as own:
            expected = whole[own]
        assert torch.equal(drop(share), expected)


def test_an_encoder_is_built_for_its_shard():
    settings = ModelSettings(backbone="lcnet_050", weights="none")
    assert Encoder(settings, 64, 32).shard.size == 1
    share = BatchShard(1, 2)
    encoder = Encoder(settings, 64, 32, shard=share)
    assert encoder.shard is copy.deepcopy(encoder).shard is share
    norms = [module for module in encoder.trunk.modules() if isinstance(module, GROUPED)]
    assert norms
    assert all(norm.shard is share for norm in norms)
    assert encoder.neck.shard is None, "behind the maps every process has the whole batch"


def test_what_depends_on_the_split_is_refused():
    trunk = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.1))
    with pytest.raises(SettingsError, match=r"Dropout in model\.backbone"):
        shard_trunk(trunk, None, BatchShard(1, 2))
