"""One row per training image, moved a little whenever its image comes by.

Reference: Zhong et al., "Invariance matters: exemplar memory for domain adaptive person re-identification", CVPR 2019,
eq. 3; Wang and Zhang, "Unsupervised person re-identification via multi-label classification", CVPR 2020, eq. 2.

A row per training image and patch, kept patch by patch, so that a loss over one patch reads one block of memory.

Where memories lie: on the training device, or in host memory where they would not fit there beside a step.

The memories of one training set, whole images and patches, all in one place.
"""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from reseen.memory.sequential_ema import sequential_ema


class InstanceBank:
    """`vectors` of shape (n, d), no gradients: unit rows, or running means where they are `raw`.

    They may lie elsewhere than what is learned; losses fetch them in chunks.
    """

    def __init__(self, vectors: Float[Tensor, "n d"], place: torch.device, raw: bool = False) -> None:
        """Start from a first pass over all images; the rows are copied to `place`."""
        self.vectors = vectors.detach().to(place, torch.float32, copy=True)
        self._raw = raw

    def update(self, features: Float[Tensor, "b d"], rows: Int64[Tensor, " b"], momentum: float) -> None:
        """Move `rows` towards `features`, one after another where a row comes twice; `momentum` of the old stays."""
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
        """The rows that an update would change, each once, and what they would become; nothing is changed."""
        place = self.vectors.device
        changed, inverse = torch.unique(rows.to(place), return_inverse=True)
        fresh = self.vectors[changed]
        sequential_ema(fresh, features.detach().to(fresh), inverse, momentum, self._raw)
        return changed, fresh


class PatchBank:
    """Running means of the patches of n images; not unit vectors, and their squared lengths are kept beside them.

    Reference: Yang et al., "Patch-based discriminative feature learning for unsupervised person re-identification",
    CVPR 2019, eq. 1.
    """

    def __init__(self, vectors: Float[Tensor, "n p e"], place: torch.device) -> None:
        """Start from a first pass over all images; the rows are copied to `place`."""
        self._images, self._patches, width = vectors.shape
        self._bank = InstanceBank(vectors.transpose(0, 1).reshape(-1, width), place, raw=True)
        self._squares = torch.linalg.vector_norm(self._bank.vectors, dim=1).square_()

    @property
    def vectors(self) -> Float[Tensor, "n p e"]:
        """All rows, image by image: a view of what is stored patch by patch."""
        return self._bank.vectors.unflatten(0, (self._patches, self._images)).transpose(0, 1)

    @property
    def squares(self) -> Float[Tensor, "n p"]:
        """Squared length of every row."""
        return self._squares.unflatten(0, (self._patches, self._images)).T

    def update(self, features: Float[Tensor, "b p e"], rows: Int64[Tensor, " b"], momentum: float) -> None:
        """Move all patches of the images `rows` towards `features`, one after another where a row comes twice."""
        places = self._places(rows)
        self._bank.update(_patch_by_patch(features), places, momentum)
        places = places.to(self._squares.device)
        self._squares[places] = torch.linalg.vector_norm(self._bank.vectors[places], dim=1).square_()

    def preview(
        self, features: Float[Tensor, "b p e"], rows: Int64[Tensor, " b"], momentum: float
    ) -> tuple[Int64[Tensor, " u"], Float[Tensor, "u p e"]]:
        """The images that an update would change, each once, and what they would become; nothing is changed."""
        changed, fresh = self._bank.preview(_patch_by_patch(features), self._places(rows), momentum)
        count = len(changed) // self._patches  # places are sorted, so those of the first patch come first
        return changed[:count], fresh.unflatten(0, (self._patches, count)).transpose(0, 1)

    def _places(self, rows: Int64[Tensor, " b"]) -> Int64[Tensor, " m"]:
        """Where the patches of some images are stored: all of the first patch, then of the second."""
        first = torch.arange(self._patches, device=rows.device) * self._images
        return (first[:, None] + rows).flatten()


def _patch_by_patch(features: Float[Tensor, "b p e"]) -> Float[Tensor, "m e"]:
    return features.transpose(0, 1).flatten(0, 1)


_SHARE_OF_FREE = 0.5
"""Memories lie on a GPU where all together take at most this share of what is free there; steps need the rest."""


def fits_on_device(size: int, device: torch.device) -> tuple[bool, str]:
    """Whether memories of `size` bytes in all go on the device, and a line that says so; none of a CPU.

    Free is what no tensor holds: what PyTorch keeps of earlier steps for later ones counts as free.
    """
    if device.type != "cuda":
        return True, ""
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    free = torch.cuda.mem_get_info(device)[0] + unused
    memories = f"memories of {size / 1e9:.2f} GB"
    if size <= _SHARE_OF_FREE * free:
        return True, f"{memories} lie on the GPU"
    return False, (
        f"{memories} lie in host memory and are fetched in chunks: of the {free / 1e9:.2f} GB free on the GPU half is "
        "for the steps"
    )


Decide = Callable[[Callable[[], tuple[bool, str]]], tuple[bool, str]]
"""Calls a function in one of the processes that train together, and gives the outcome to all."""


class MemoryBanks:
    """Rows of whole images, of patches, and of all patches of an image together; each only where it was given.

    The first rows decide whether all memories lie on the device or in host memory; `note` says which.
    """

    def __init__(self, device: torch.device, decide: Decide) -> None:
        self.whole: InstanceBank | None = None
        self.patches: PatchBank | None = None
        self.centers: InstanceBank | None = None
        self._device, self._decide = device, decide
        self._placed: tuple[bool, str] | None = None

    @property
    def note(self) -> str:
        """Where they lie; empty where there is one place, or nothing yet."""
        return "" if self._placed is None else self._placed[1]

    @property
    def by_name(self) -> dict[str, InstanceBank | PatchBank]:
        """Those that there are."""
        banks = {"whole": self.whole, "patches": self.patches, "centers": self.centers}
        return {name: bank for name, bank in banks.items() if bank is not None}

    def fill(self, rows: Mapping[str, Tensor]) -> None:
        """Start over from these rows, by name."""
        self.whole = self.patches = self.centers = None  # the old make room
        if self._placed is None:
            size = sum(4 * values.numel() for values in rows.values())
            self._placed = self._decide(lambda: fits_on_device(size, self._device))
        place = self._device if self._placed[0] else torch.device("cpu")
        if "whole" in rows:
            self.whole = InstanceBank(rows["whole"], place)
        if "patches" in rows:
            self.patches = PatchBank(rows["patches"], place)
        if "centers" in rows:
            self.centers = InstanceBank(rows["centers"], place, raw=True)

    def update(
        self, features: Mapping[str, Tensor], rows: Int64[Tensor, " b"], momentum: Mapping[str, float]
    ) -> None:
        """Move the rows of a batch's images in every memory."""
        for name, bank in self.by_name.items():
            bank.update(features[name], rows, momentum[name])

    def state(self) -> dict[str, Tensor]:
        """All rows, on the CPU; `restore` takes them."""
        return {f"bank.{name}": bank.vectors.cpu().contiguous() for name, bank in self.by_name.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the rows of a `state`, which may hold more."""
        prefix = "bank."
        self.fill(
            {name.removeprefix(prefix): rows for name, rows in state.items() if name.startswith(prefix)}
        )
