"""The processes that work on one run together, as one of them sees them. Alone, nothing here does anything."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from jaxtyping import Float32
from torch import Generator, Tensor, nn

from reseen.distributed.serialization import deserialize, serialize
from reseen.models.batch_shard import BatchShard, communicating

Outcome = TypeVar("Outcome")


class ProcessGroup:
    """Process `rank` of `size`, and `local_rank` of those on this machine.

    `threads`: of a process that works while the others wait; between times each has its share of the cores.
    """

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        local_rank: int = 0,
        threads: int | None = None,
        control: dist.ProcessGroup | None = None,
    ) -> None:
        self.rank, self.size, self.local_rank = rank, size, local_rank
        self.share = BatchShard(rank, size)
        self._threads, self._control = threads, control

    @property
    def is_main(self) -> bool:
        """Whether this process clusters, writes and speaks for all."""
        return self.rank == 0

    def run_on_main(self, compute: Callable[[], Outcome]) -> Outcome:
        """What `compute` gives in the first process, for all; see `packing` for what can be sent."""
        if self.size == 1:
            return compute()
        if not self.is_main:
            return self.broadcast(None)
        with self._all_cores():
            outcome = compute()
        return self.broadcast(outcome)

    def broadcast(self, value: Any) -> Any:
        """The first process's value, for all."""
        if self.size == 1:
            return value
        packed = torch.frombuffer(bytearray(serialize(value if self.is_main else None)), dtype=torch.uint8)
        length = torch.tensor([len(packed)])
        with communicating():
            dist.broadcast(length, 0, group=self._control)
            packed = packed if self.is_main else torch.empty(int(length), dtype=torch.uint8)
            dist.broadcast(packed, 0, group=self._control)
        return value if self.is_main else deserialize(packed.numpy().tobytes())

    @contextmanager
    def main_process_first(self) -> Iterator[None]:
        """The first process of each machine goes through the block before the others, which find what it has cached."""
        if self.local_rank:
            self.barrier()
        yield
        if not self.local_rank:
            self.barrier()
        self.barrier()

    def barrier(self) -> None:
        """Wait for all."""
        if self.size > 1:
            with communicating():
                dist.barrier(group=self._control)

    def rows(self, count: int, batch: int) -> range:
        """Starts of the batches of this process, when rows are shared out in whole batches, in order."""
        batches = -(-count // batch)
        mine = range(batches * self.rank // self.size, batches * (self.rank + 1) // self.size)
        return range(mine.start * batch, min(mine.stop * batch, count), batch)

    def all_gather_rows(self, vectors: Float32[Tensor, "n d"], batch: int) -> None:
        """Fill in, in place and on the CPU, the rows that the other processes have made (see `rows`)."""
        for rank in range(self.size if self.size > 1 else 0):
            theirs = ProcessGroup(rank, self.size).rows(len(vectors), batch)
            if len(theirs):
                with communicating():
                    dist.broadcast(vectors[theirs.start : theirs.stop], rank, group=self._control)

    def all_reduce(self, numbers: Tensor) -> Tensor:
        """The sum over processes, in place and on the CPU."""
        if self.size > 1:
            with communicating():
                dist.all_reduce(numbers, group=self._control)
        return numbers

    @torch.no_grad()
    def sync_module_states(self, *modules: nn.Module) -> None:
        """Take weights and statistics of the first process.

        They are equal already, but for what a GPU may have added up in another order.
        """
        if self.size == 1:
            return
        tensors = [tensor for module in modules for tensor in module.state_dict().values()]
        floats = [tensor for tensor in tensors if tensor.is_floating_point()]
        if not floats:
            return
        whole = torch.cat([tensor.reshape(-1).float() for tensor in floats])
        with communicating():
            dist.broadcast(whole, 0)
        for tensor, part in zip(floats, whole.split([tensor.numel() for tensor in floats]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def sync_rng(self) -> None:
        """Take torch's global random numbers from the first process, which may have used some while others waited."""
        if self.size == 1:
            return
        torch.set_rng_state(self._from_first(torch.get_rng_state()))
        if torch.cuda.is_initialized():
            torch.cuda.set_rng_state(self._from_first(torch.cuda.get_rng_state()))

    def check_rng_in_sync(self, generator: Generator) -> None:
        """Whether all have drawn the same random numbers so far.

        Raises:
            RuntimeError: they have not: a method draws or computes something that differs between processes.
        """
        if self.size == 1:
            return
        states = torch.cat([generator.get_state(), torch.get_rng_state()])
        if not torch.equal(states, self._from_first(states.clone())):
            raise RuntimeError(
                f"process {self.rank} of {self.size} has drawn other random numbers than the first; a method must "
                "draw the same in every process (docs/adding-a-method.md)"
            )

    def _from_first(self, tensor: Tensor) -> Tensor:
        with communicating():
            dist.broadcast(tensor, 0, group=self._control)
        return tensor

    @contextmanager
    def _all_cores(self) -> Iterator[None]:
        """As many threads as one process alone would take, while the others wait."""
        usual = torch.get_num_threads()
        torch.set_num_threads(self._threads or usual)
        try:
            yield
        finally:
            torch.set_num_threads(usual)


SINGLE_PROCESS = ProcessGroup()
"""One process."""


def sharded_and_replicated(
    encoder: nn.Module, others: Sequence[nn.Module]
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters of the trunk, which each process runs on its part, and those that all run on the whole batch."""
    trunk = list(encoder.get_submodule("trunk").parameters())
    known = {id(parameter) for parameter in trunk}
    everything = [parameter for module in (encoder, *others) for parameter in module.parameters()]
    return trunk, [parameter for parameter in everything if id(parameter) not in known]
