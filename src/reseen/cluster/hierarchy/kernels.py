"""A compiled loop that keeps the largest inner products of each column of a block, cached on disk beside this file.

Lists descend, as those of the rows in `reseen.neighbors.row_kernels`.
"""

import numpy as np

from reseen.compiled import compiled
from reseen.neighbors.row_kernels import insert


@compiled()
def keep_largest_across(
    begin: int,
    end: int,
    products: np.ndarray,
    offsets: np.ndarray,
    names: np.ndarray,
    first: int,
    shifts: np.ndarray,
    values: np.ndarray,
    found: np.ndarray,
) -> None:
    """Columns `begin` to `end` of a block take its rows: column j fills list `first + j`.

    The product of column j and row i is `products[i, j] + shifts[j] - offsets[i]`; row i is `names[i]`.
    """
    last = values.shape[1] - 1
    least = values[first + begin : first + end, last].copy()
    for i in range(products.shape[0]):
        row, offset = products[i], offsets[i]
        for j in range(begin, end):
            product = row[j] + shifts[j] - offset
            if product > least[j - begin]:
                least[j - begin] = insert(product, names[i], values[first + j], found[first + j])
