"""One process's part in batches that several processes learn from together.

The trunk is run on consecutive images of the batch, one part per process, and its maps are gathered: from there on
every process computes the same on the whole batch, so that losses, memories and methods know of no processes. Since
every process has the whole loss, the gradients of the trunk are those of a process's own images and must be added up;
those of all that comes after the maps are alike everywhere and must not.
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
class BatchCut:
    """A batch cut into consecutive parts of (nearly) one size; `bounds[r]` to `bounds[r + 1]` are process r's."""

    bounds: tuple[int, ...]
    rank: int

    @property
    def total(self) -> int:
        """Images in the batch."""
        return self.bounds[-1]

    @property
    def own(self) -> slice:
        """The part of this process."""
        return slice(self.bounds[self.rank], self.bounds[self.rank + 1])

    @property
    def largest(self) -> int:
        """Images in the largest part."""
        return max(end - begin for begin, end in zip(self.bounds, self.bounds[1:], strict=False))


@dataclass(frozen=True)
class _Move:
    """By what the running statistics of a norm move at the end of a step; both are this process's share of a sum."""

    running: tuple[Tensor, Tensor]
    towards: Float[Tensor, "2 c"]
    momentum: float


class BatchShard:
    """Process `rank` of `size`; made with the default process group of torch.distributed where there are several."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size
        self.cut: BatchCut | None = None
        """How the batch of the moment is cut; None outside `batch`, and where there is one process."""
        self._moves: list[_Move] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself: a momentum teacher shares with the same processes as the encoder that it was copied from."""
        return self

    @contextmanager
    def batch(self, images: int) -> Iterator[slice]:
        """While this lasts, encoders see a part of a batch of `images`; which, is what it gives.

        Raises:
            SettingsError: fewer images than processes.
        """
        if self.size == 1:
            yield slice(0, images)
            return
        self.check(images)
        self.cut = BatchCut(tuple(images * rank // self.size for rank in range(self.size + 1)), self.rank)
        try:
            yield self.cut.own
        finally:
            self.cut = None
            self._moves.clear()

    def check(self, images: int) -> None:
        """Whether every process gets an image of a batch.

        Raises:
            SettingsError: there are fewer images than processes.
        """
        if images < self.size:
            raise SettingsError(
                f"--devices: {self.size} processes cannot share a batch of {images} images; take at most {images}, "
                "or raise method.sampler.clusters_per_batch or method.sampler.images_per_cluster"
            )

    def gather(self, maps: Tensor) -> Tensor:
        """The maps of the whole batch from those of this process's images; gradients flow back to these."""
        return maps if self.cut is None else _Gather.apply(maps, self, self.cut)

    def collect(self, numbers: Tensor) -> Float[Tensor, "r ..."]:
        """The same tensor of every process, one after another."""
        places = [torch.empty_like(numbers) for _ in range(self.size)]
        with communicating():
            dist.all_gather(places, numbers)
        return torch.stack(places)

    def add(self, numbers: Tensor) -> Tensor:
        """The sum over processes, in place."""
        with communicating():
            dist.all_reduce(numbers)
        return numbers

    def move(self, running: tuple[Tensor, Tensor], towards: Float[Tensor, "2 c"], momentum: float) -> None:
        """Let running statistics move at the end of the step; `towards` is this process's share of the means."""
        self._moves.append(_Move(running, towards.detach(), momentum))

    @torch.no_grad()
    def sync_gradients(self, apart: Sequence[nn.Parameter], alike: Sequence[nn.Parameter]) -> None:
        """After the backward pass, within `batch`: make gradients and running statistics those of the whole batch.

        Gradients of `apart` are added up. Those of `alike` are equal but for operations that a GPU does in an order
        of its own; all take those of process 0, so that weights never drift apart.
        """
        if self.cut is None:
            return
        if self.rank:
            for parameter in alike:
                if parameter.grad is not None:
                    parameter.grad.zero_()
        targets = [parameter.grad for parameter in (*apart, *alike) if parameter.grad is not None]
        targets += [move.towards for move in self._moves]
        if not targets:
            return
        exact = torch.promote_types(targets[0].dtype, torch.float32)
        whole = self.add(torch.cat([target.reshape(-1).to(exact) for target in targets]))
        for target, part in zip(targets, whole.split([target.numel() for target in targets]), strict=True):
            target.copy_(part.view_as(target))
        for move in self._moves:
            for running, towards in zip(move.running, move.towards, strict=True):
                running.lerp_(towards.to(running.dtype), move.momentum)
        self._moves.clear()


class _Gather(torch.autograd.Function):
    """All parts, in order. Backward takes this process's part, since each has the gradient of the whole loss."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, share: BatchShard, cut: BatchCut) -> Tensor:
        ctx.own = cut.own
        channels_last = maps.ndim == 4 and not maps.is_contiguous()
        given = (maps.permute(0, 2, 3, 1) if channels_last else maps).contiguous()
        padded = given.new_zeros((cut.largest, *given.shape[1:]))  # parts of one size travel together
        padded[: len(given)] = given
        bytes_of_all = share.collect(padded.view(torch.uint8))
        sizes = [end - begin for begin, end in zip(cut.bounds, cut.bounds[1:], strict=False)]
        parts = bytes_of_all.view(maps.dtype)
        whole = torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])
        return whole.permute(0, 3, 1, 2) if channels_last else whole

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0][ctx.own], None, None


@contextmanager
def communicating() -> Iterator[None]:
    """Around everything that processes do together.

    Raises:
        LostProcessError: one of them is gone.
    """
    try:
        yield
    except RuntimeError as error:
        if "out of memory" in str(error):
            raise
        raise LostProcessError(f"another process of this run is gone ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
