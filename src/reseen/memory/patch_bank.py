"""A row per training image and patch, kept patch by patch, so that a loss over one patch reads one block of memory."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from reseen.memory.bank import InstanceBank


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
