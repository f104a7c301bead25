"""Who is on a crop of Market-1501, by its file name: for choosing files, for counts and for ceilings."""

import numpy as np
from jaxtyping import Int64

from reseen import ImageTable


def identities_of(table: ImageTable) -> Int64[np.ndarray, " n"]:
    """The number that each file name begins with; -1 and 0 are junk and distractors."""
    return np.array([int(path.rpartition("/")[2].partition("_")[0]) for path in table.paths], dtype=np.int64)
