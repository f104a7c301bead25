"""The memories of one training set, whole images and patches, all in one place."""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Int64
from torch import Tensor

from reseen.memory.bank import InstanceBank
from reseen.memory.patch_bank import PatchBank
from reseen.memory.placement import fit_beside_steps

Decide = Callable[[Callable[[], tuple[bool, str]]], tuple[bool, str]]
"""Calls a function in one of the processes that train together, and gives the outcome to all."""


class Banks:
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
            self._placed = self._decide(lambda: fit_beside_steps(size, self._device))
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
