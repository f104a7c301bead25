"""The group of processes that work on one run, with its collective operations; no-ops for a single process."""

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
    """Process `rank` of `size`, with rank `local_rank` on its machine, and the collectives of the group.

    `threads` is the number of threads of the main process while the others wait; otherwise all share the cores.

    Example:
        >>> labels = ranks.run_on_main(lambda: cluster(features))  # computed once, returned in every process
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
        """Whether this is rank 0, which clusters, writes and prints."""
        return self.rank == 0

    def run_on_main(self, compute: Callable[[], Outcome]) -> Outcome:
        """The result of `compute` in the main process, returned in all; `serialization` lists the types that work."""
        if self.size == 1:
            return compute()
        if not self.is_main:
            return self.broadcast(None)
        with self._all_cores():
            outcome = compute()
        return self.broadcast(outcome)

    def broadcast(self, value: Any) -> Any:
        """The value of the main process, returned in all; that of the others is ignored."""
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
        """Run the block in the first process of each machine before the others, which find its caches filled."""
        if self.local_rank:
            self.barrier()
        yield
        if not self.local_rank:
            self.barrier()
        self.barrier()

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            with communicating():
                dist.barrier(group=self._control)

    def rows(self, count: int, batch: int) -> range:
        """Start rows of this process's batches, when `count` rows are split in order into batches of `batch`."""
        batches = -(-count // batch)
        own = range(batches * self.rank // self.size, batches * (self.rank + 1) // self.size)
        return range(own.start * batch, min(own.stop * batch, count), batch)

    def all_gather_rows(self, vectors: Float32[Tensor, "n d"], batch: int) -> None:
        """Fill in, in place, the rows of a CPU tensor that the other processes computed, split as by `rows`."""
        for rank in range(self.size if self.size > 1 else 0):
            rows = ProcessGroup(rank, self.size).rows(len(vectors), batch)
            if len(rows):
                with communicating():
                    dist.broadcast(vectors[rows.start : rows.stop], rank, group=self._control)

    def all_reduce(self, numbers: Tensor) -> Tensor:
        """The sum of a CPU tensor over all processes, in place."""
        if self.size > 1:
            with communicating():
                dist.all_reduce(numbers, group=self._control)
        return numbers

    @torch.no_grad()
    def sync_module_states(self, *modules: nn.Module) -> None:
        """Copy the floating-point weights and buffers of the main process to all.

        They differ only by the order of floating-point summation on GPUs.
        """
        if self.size == 1:
            return
        tensors = [tensor for module in modules for tensor in module.state_dict().values()]
        floats = [tensor for tensor in tensors if tensor.is_floating_point()]
        if not floats:
            return
        flat = torch.cat([tensor.reshape(-1).float() for tensor in floats])
        with communicating():
            dist.broadcast(flat, 0)
        for tensor, part in zip(floats, flat.split([tensor.numel() for tensor in floats]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def sync_rng(self) -> None:
        """Copy the state of torch's global generators from the main process, which may have advanced alone."""
        if self.size == 1:
            return
        torch.set_rng_state(self._from_main(torch.get_rng_state()))
        if torch.cuda.is_initialized():
            torch.cuda.set_rng_state(self._from_main(torch.cuda.get_rng_state()))

    def check_rng_in_sync(self, generator: Generator) -> None:
        """Check that the random states of all processes are equal.

        Raises:
            RuntimeError: they are not: a method draws or computes something that differs between processes.
        """
        if self.size == 1:
            return
        states = torch.cat([generator.get_state(), torch.get_rng_state()])
        if not torch.equal(states, self._from_main(states.clone())):
            raise RuntimeError(
                f"random state of process {self.rank} of {self.size} differs from that of process 0; a method must "
                "draw the same numbers in every process (docs/adding-a-method.md)"
            )

    def _from_main(self, tensor: Tensor) -> Tensor:
        with communicating():
            dist.broadcast(tensor, 0, group=self._control)
        return tensor

    @contextmanager
    def _all_cores(self) -> Iterator[None]:
        """Use the threads of a single process, while the others wait."""
        previous = torch.get_num_threads()
        torch.set_num_threads(self._threads or previous)
        try:
            yield
        finally:
            torch.set_num_threads(previous)


SINGLE_PROCESS = ProcessGroup()
"""The group of this process alone."""


def sharded_and_replicated(
    encoder: nn.Module, others: Sequence[nn.Module]
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters of the trunk, run by each process on its shard of a batch, and those run by all on the whole batch."""
    trunk = list(encoder.get_submodule("trunk").parameters())
    trunk_ids = {id(parameter) for parameter in trunk}
    parameters = [parameter for module in (encoder, *others) for parameter in module.parameters()]
    return trunk, [parameter for parameter in parameters if id(parameter) not in trunk_ids]
