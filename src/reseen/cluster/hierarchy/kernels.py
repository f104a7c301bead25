"""A compiled loop for the running top-k over the columns of a block of products.

It complements `keep_largest` for rows in `reseen.neighbors.row_kernels`; lists are descending.
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
    indices: np.ndarray,
) -> None:
    """Merge columns `begin` to `end` of a block of products into top-k lists: column j belongs to list `first + j`.

    The value of column j and row i is `products[i, j] + shifts[j] - offsets[i]`; row i is named `names[i]`.
    """
    last = values.shape[1] - 1
    least = values[first + begin : first + end, last].copy()
    for i in range(products.shape[0]):
        row, offset = products[i], offsets[i]
        for j in range(begin, end):
            product = row[j] + shifts[j] - offset
            if product > least[j - begin]:
                least[j - begin] = insert(product, names[i], values[first + j], indices[first + j])
