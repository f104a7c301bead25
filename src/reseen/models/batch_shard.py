"""One process's shard of the training batch in data-parallel training.

Each process runs the trunk on consecutive images of the batch, and the feature maps are gathered. From there on every
process computes the same on the whole batch, so losses, memories and methods do not depend on the number of processes.
Since every process has the whole loss, trunk gradients cover only the process's own images and must be summed;
gradients of everything behind the maps are equal on all processes and must not be.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

from reseen.errors import LostProcessError, SettingsError


@dataclass(frozen=True)
class BatchSplit:
    """A batch split into consecutive shards of (nearly) equal size; shard r is `bounds[r]` to `bounds[r + 1]`."""

    bounds: tuple[int, ...]
    rank: int

    @property
    def total(self) -> int:
        """Images in the batch."""
        return self.bounds[-1]

    @property
    def own(self) -> slice:
        """The shard of this process."""
        return slice(self.bounds[self.rank], self.bounds[self.rank + 1])

    @property
    def largest(self) -> int:
        """Images in the largest shard."""
        return max(end - begin for begin, end in zip(self.bounds, self.bounds[1:], strict=False))


@dataclass(frozen=True)
class _RunningUpdate:
    """A pending update of a norm's running statistics; `target` is this process's addend of the new mean."""

    running: tuple[Tensor, Tensor]
    target: Float[Tensor, "2 c"]
    momentum: float


class BatchShard:
    """Splits batches over the `size` processes of torch.distributed's default group; this is process `rank`."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size
        self.split: BatchSplit | None = None
        """Split of the current batch; None outside `batch`, and with a single process."""
        self._updates: list[_RunningUpdate] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself: a momentum teacher uses the same process group as the encoder it was copied from."""
        return self

    @contextmanager
    def batch(self, images: int) -> Iterator[slice]:
        """Context in which encoders process this process's shard of a batch of `images`; yields the shard's slice.

        Raises:
            SettingsError: fewer images than processes.
        """
        if self.size == 1:
            yield slice(0, images)
            return
        self.check_batch_size(images)
        self.split = BatchSplit(tuple(images * rank // self.size for rank in range(self.size + 1)), self.rank)
        try:
            yield self.split.own
        finally:
            self.split = None
            self._updates.clear()

    def check_batch_size(self, images: int) -> None:
        """Raise unless every process gets an image of a batch.

        Raises:
            SettingsError: there are fewer images than processes.
        """
        if images < self.size:
            raise SettingsError(
                f"--devices: a batch of {images} images cannot be split over {self.size} processes; use at most "
                f"{images}, or raise method.sampler.clusters_per_batch or method.sampler.images_per_cluster"
            )

    def gather(self, maps: Tensor) -> Tensor:
        """The maps of the whole batch from those of this process's images; gradients flow back to the latter."""
        return maps if self.split is None else _Gather.apply(maps, self, self.split)

    def all_gather(self, numbers: Tensor) -> Float[Tensor, "r ..."]:
        """The tensors of all processes, stacked by rank; all have one shape.

        Raises:
            LostProcessError: another process is gone.
        """
        gathered = [torch.empty_like(numbers) for _ in range(self.size)]
        with communicating():
            dist.all_gather(gathered, numbers)
        return torch.stack(gathered)

    def all_reduce(self, numbers: Tensor) -> Tensor:
        """The sum over processes, in place.

        Raises:
            LostProcessError: another process is gone.
        """
        with communicating():
            dist.all_reduce(numbers)
        return numbers

    def queue_running_update(
        self, running: tuple[Tensor, Tensor], target: Float[Tensor, "2 c"], momentum: float
    ) -> None:
        """Update running statistics in `sync_gradients`; `target` is this process's addend of their new mean."""
        self._updates.append(_RunningUpdate(running, target.detach(), momentum))

    @torch.no_grad()
    def sync_gradients(self, sharded: Sequence[nn.Parameter], replicated: Sequence[nn.Parameter]) -> None:
        """After the backward pass, within `batch`: make gradients and running statistics those of the whole batch.

        Gradients of `sharded` parameters are summed. Those of `replicated` parameters are equal up to nondeterministic
        GPU operations; all processes take those of process 0, so that weights never drift apart.
        """
        if self.split is None:
            return
        if self.rank:
            for parameter in replicated:
                if parameter.grad is not None:
                    parameter.grad.zero_()
        targets = [parameter.grad for parameter in (*sharded, *replicated) if parameter.grad is not None]
        targets += [update.target for update in self._updates]
        if not targets:
            return
        exact = torch.promote_types(targets[0].dtype, torch.float32)
        total = self.all_reduce(torch.cat([target.reshape(-1).to(exact) for target in targets]))
        for target, part in zip(targets, total.split([target.numel() for target in targets]), strict=True):
            target.copy_(part.view_as(target))
        for update in self._updates:
            for running, target in zip(update.running, update.target, strict=True):
                running.lerp_(target.to(running.dtype), update.momentum)
        self._updates.clear()


class _Gather(torch.autograd.Function):
    """All shards in order. Backward keeps this process's shard, since every process has the whole loss."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, shard: BatchShard, split: BatchSplit) -> Tensor:
        ctx.own = split.own
        channels_last = maps.ndim == 4 and not maps.is_contiguous()
        local = (maps.permute(0, 2, 3, 1) if channels_last else maps).contiguous()
        padded = local.new_zeros((split.largest, *local.shape[1:]))  # all_gather needs equal sizes
        padded[: len(local)] = local
        gathered = shard.all_gather(padded.view(torch.uint8))
        sizes = [end - begin for begin, end in zip(split.bounds, split.bounds[1:], strict=False)]
        parts = gathered.view(maps.dtype)
        whole = torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])
        return whole.permute(0, 3, 1, 2) if channels_last else whole

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0][ctx.own], None, None


@contextmanager
def communicating() -> Iterator[None]:
    """Context of every collective operation: turns the failure of another process into one error.

    Raises:
        LostProcessError: another process is gone.
    """
    try:
        yield
    except RuntimeError as error:
        if "out of memory" in str(error):
            raise
        raise LostProcessError(f"another process of this run is gone ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
