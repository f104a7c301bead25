"""`EvaluationTable`: an `ImageTable` with identities. Only evaluation and the data check create one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from reseen.data.table import ImageTable


@dataclass(frozen=True, eq=False)
class EvaluationTable:
    """Crops with their ground-truth identities.

    Raises:
        ValueError: `identities` does not have one entry per crop.
    """

    images: ImageTable
    """The crops."""

    identities: Int64[np.ndarray, " n"]
    """Identity of each crop: persons from 1, 0 for distractors (in the gallery, but never queried), -1 for junk."""

    def __post_init__(self) -> None:
        if self.identities.shape != (len(self.images),):
            raise ValueError(
                f"{len(self.images)} images need as many identities, got {self.identities.shape}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def select(self, rows: Int64[np.ndarray, " m"] | Sequence[int]) -> "EvaluationTable":
        """The table of `rows`, in that order."""
        index = np.asarray(rows, dtype=np.int64)
        return EvaluationTable(self.images.select(index), self.identities[index])
