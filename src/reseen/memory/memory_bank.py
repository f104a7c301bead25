"""Memory banks with one row per training image, for whole images and for patches, updated by momentum.

All banks of a training set are on one device: the training device, or host memory where they would leave too little
GPU memory for a training step. Patches are stored patch by patch, so that a loss over one patch reads one contiguous
block.

Reference: Zhong et al., "Invariance matters: exemplar memory for domain adaptive person re-identification", CVPR 2019,
eq. 3; Wang and Zhang, "Unsupervised person re-identification via multi-label classification", CVPR 2020, eq. 2.
"""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from reseen.memory.sequential_ema import sequential_ema


class InstanceBank:
    """One row per image: `vectors` of shape (n, d) without gradients, unit rows or, with `raw`, running means.

    The bank may be on another device than the encoder; losses then read it in chunks.

    Example:
        bank = InstanceBank(features.vectors, device)
        bank.update(batch_features, rows, momentum=0.2)
    """

    def __init__(self, vectors: Float[Tensor, "n d"], device: torch.device, raw: bool = False) -> None:
        """Initialize with the embeddings of all images, copied to `device` as float32."""
        self.vectors = vectors.detach().to(device, torch.float32, copy=True)
        self._raw = raw

    def update(self, features: Float[Tensor, "b d"], rows: Int64[Tensor, " b"], momentum: float) -> None:
        """Update `rows` with `features`, sequentially where a row occurs twice; `momentum` is the old row's weight."""
        sequential_ema(
            self.vectors,
            features.detach().to(self.vectors),
            rows.to(self.vectors.device),
            momentum,
            self._raw,
        )

    def preview(
        self, features: Float[Tensor, "b d"], rows: Int64[Tensor, " b"], momentum: float
    ) -> tuple[Int64[Tensor, " u"], Float[Tensor, "u d"]]:
        """The unique rows that `update` would change and their new values, without changing the bank."""
        changed, inverse = torch.unique(rows.to(self.vectors.device), return_inverse=True)
        fresh = self.vectors[changed]
        sequential_ema(fresh, features.detach().to(fresh), inverse, momentum, self._raw)
        return changed, fresh


class PatchBank:
    """Running means of the patches of n images, not normalized, with their precomputed squared norms.

    Reference: Yang et al., "Patch-based discriminative feature learning for unsupervised person re-identification",
    CVPR 2019, eq. 1.
    """

    def __init__(self, vectors: Float[Tensor, "n p e"], device: torch.device) -> None:
        """Initialize with the patch embeddings of all images, copied to `device` as float32."""
        self._images, self._patches, width = vectors.shape
        self._bank = InstanceBank(vectors.transpose(0, 1).reshape(-1, width), device, raw=True)
        self._squares = torch.linalg.vector_norm(self._bank.vectors, dim=1).square_()

    @property
    def vectors(self) -> Float[Tensor, "n p e"]:
        """All rows by image and patch: a view of the patch-major storage."""
        return self._bank.vectors.unflatten(0, (self._patches, self._images)).transpose(0, 1)

    @property
    def squares(self) -> Float[Tensor, "n p"]:
        """Squared norm of every row."""
        return self._squares.unflatten(0, (self._patches, self._images)).T

    def update(self, features: Float[Tensor, "b p e"], rows: Int64[Tensor, " b"], momentum: float) -> None:
        """Update all patches of the images `rows` with `features`, sequentially where an image occurs twice."""
        stored = self._stored_rows(rows)
        self._bank.update(_patch_major(features), stored, momentum)
        stored = stored.to(self._squares.device)
        self._squares[stored] = torch.linalg.vector_norm(self._bank.vectors[stored], dim=1).square_()

    def preview(
        self, features: Float[Tensor, "b p e"], rows: Int64[Tensor, " b"], momentum: float
    ) -> tuple[Int64[Tensor, " u"], Float[Tensor, "u p e"]]:
        """The unique images that `update` would change and their new values, without changing the bank."""
        changed, fresh = self._bank.preview(_patch_major(features), self._stored_rows(rows), momentum)
        count = len(changed) // self._patches  # rows are sorted, so those of the first patch come first
        return changed[:count], fresh.unflatten(0, (self._patches, count)).transpose(0, 1)

    def _stored_rows(self, rows: Int64[Tensor, " b"]) -> Int64[Tensor, " m"]:
        """Storage rows of the images' patches: all of the first patch, then of the second."""
        first = torch.arange(self._patches, device=rows.device) * self._images
        return (first[:, None] + rows).flatten()


def _patch_major(features: Float[Tensor, "b p e"]) -> Float[Tensor, "m e"]:
    return features.transpose(0, 1).flatten(0, 1)


_SHARE_OF_FREE = 0.5
"""Memory banks go on the GPU if together they take at most this fraction of its free memory."""


def fits_on_device(size: int, device: torch.device) -> tuple[bool, str]:
    """Whether memory banks of `size` bytes in total go on `device`, and a note about it; the note is empty on a CPU.

    Memory that PyTorch's caching allocator holds without a tensor in it counts as free.
    """
    if device.type != "cuda":
        return True, ""
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    free = torch.cuda.mem_get_info(device)[0] + unused
    banks = f"memory banks of {size / 1e9:.2f} GB"
    if size <= _SHARE_OF_FREE * free:
        return True, f"{banks} are on the GPU"
    return False, (
        f"{banks} are in host memory and read in chunks: half of the {free / 1e9:.2f} GB free on the GPU is reserved "
        "for training steps"
    )


Decide = Callable[[Callable[[], tuple[bool, str]]], tuple[bool, str]]
"""Calls a function in one of the training processes and broadcasts its result to all."""


class MemoryBanks:
    """Optional memory banks of whole images, of patches, and of the patch centers of images.

    The first call of `fill` decides whether all banks are on `device` or in host memory; `note` describes the choice.
    """

    def __init__(self, device: torch.device, decide: Decide) -> None:
        self.whole: InstanceBank | None = None
        self.patches: PatchBank | None = None
        self.centers: InstanceBank | None = None
        self._device, self._decide = device, decide
        self._placement: tuple[bool, str] | None = None

    @property
    def note(self) -> str:
        """Where the banks are; empty on a CPU, or before the first `fill`."""
        return "" if self._placement is None else self._placement[1]

    @property
    def by_name(self) -> dict[str, InstanceBank | PatchBank]:
        """The banks that exist, by name: `whole`, `patches`, `centers`."""
        banks = {"whole": self.whole, "patches": self.patches, "centers": self.centers}
        return {name: bank for name, bank in banks.items() if bank is not None}

    def fill(self, rows: Mapping[str, Tensor]) -> None:
        """Replace all banks by new ones with these rows, by name as in `by_name`."""
        self.whole = self.patches = self.centers = None  # free the old banks first
        if self._placement is None:
            size = sum(4 * values.numel() for values in rows.values())
            self._placement = self._decide(lambda: fits_on_device(size, self._device))
        device = self._device if self._placement[0] else torch.device("cpu")
        if "whole" in rows:
            self.whole = InstanceBank(rows["whole"], device)
        if "patches" in rows:
            self.patches = PatchBank(rows["patches"], device)
        if "centers" in rows:
            self.centers = InstanceBank(rows["centers"], device, raw=True)

    def update(
        self, features: Mapping[str, Tensor], rows: Int64[Tensor, " b"], momentum: Mapping[str, float]
    ) -> None:
        """Update the rows of a batch's images in every bank; `features` and `momentum` are by name of the bank."""
        for name, bank in self.by_name.items():
            bank.update(features[name], rows, momentum[name])

    def state(self) -> dict[str, Tensor]:
        """The rows of all banks on the CPU, to be saved in a checkpoint; see `restore`."""
        return {f"bank.{name}": bank.vectors.cpu().contiguous() for name, bank in self.by_name.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore the banks from a `state`; keys of other objects are ignored."""
        prefix = "bank."
        self.fill(
            {name.removeprefix(prefix): rows for name, rows in state.items() if name.startswith(prefix)}
        )
