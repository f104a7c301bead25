"""A file of answers, turned into pairs of rows that training must or cannot put together."""

from pathlib import Path

import numpy as np

from reseen.audit import links, read_answers
from reseen.cluster import Constraints
from reseen.data.table import ImageTable
from reseen.errors import DataError


def read_constraints(file: Path, table: ImageTable) -> tuple[Constraints, str]:
    """The constraints in a file of answers on the rows of `table`, and a sentence on them.

    Answers on crops that are not in the table, such as unreadable ones, are left out and counted.

    Raises:
        DataError: the file cannot be read, no crop of it is in the table, or answers contradict each other.
    """
    must, cannot = links(read_answers([file]))
    row = {path: place for place, path in enumerate(table.texts)}

    def rows(pairs: list[tuple[str, str]]) -> np.ndarray:
        known = [(row[first], row[second]) for first, second in pairs if first in row and second in row]
        return np.array(known, dtype=np.int64).reshape(-1, 2)

    constraints = Constraints(rows(must), rows(cannot), len(table), table.texts)
    kept = len(constraints.must) + len(constraints.cannot)
    left = len(must) + len(cannot) - kept
    if left and not kept:
        raise DataError(
            f"{file}: none of its {left} answers is on crops of {table.root}, the first is on "
            f"{(must or cannot)[0][0]}; give the answers that were made on this folder"
        )
    outside = f"; {left} on other crops left out" if left else ""
    return constraints, f"answers: {len(constraints.must)} links, {len(constraints.cannot)} bars{outside}"
