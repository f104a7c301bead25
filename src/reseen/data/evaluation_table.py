"""`EvaluationTable`: an `ImageTable` with the people on it. Only evaluation and the data check make one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from reseen.data.table import ImageTable


@dataclass(frozen=True, eq=False)
class EvaluationTable:
    """Crops and who is on them.

    Raises:
        ValueError: the two columns differ in length.
    """

    images: ImageTable
    """The crops."""

    identities: Int64[np.ndarray, " n"]
    """Person number of each crop. In the Market-1501 layout 0 is a distractor: nobody that is asked for."""

    def __post_init__(self) -> None:
        if self.identities.shape != (len(self.images),):
            raise ValueError(
                f"{len(self.images)} images need as many identities, got {self.identities.shape}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def select(self, rows: Int64[np.ndarray, " m"] | Sequence[int]) -> "EvaluationTable":
        """The table of some rows, in the order given."""
        index = np.asarray(rows, dtype=np.int64)
        return EvaluationTable(self.images.select(index), self.identities[index])
