"""The compiled loop of re-ranking: shared weights of a query and every gallery row, and the sum of two distances."""

import numpy as np

from reseen.neighbors.kernels import Rows, compiled


@compiled()
def blend(
    begin: int,
    end: int,
    first: int,
    rows: Rows,
    lists: Rows,
    scale: np.ndarray,
    weight: np.float32,
    block: np.ndarray,
) -> None:
    """Turn block rows `begin` to `end` of cosine similarities (b, g), in place, into re-ranked distances below zero.

    Block row 0 is query `first`. `rows`: encodings of all queries, sum 1; `lists`: those of the gallery by column.
    `weight` is the share of the squared distance, which `scale` (one number per query) is multiplied with.
    """
    start, columns, weights = rows
    list_start, list_rows, list_weights = lists
    shared = np.zeros(block.shape[1], np.float64)
    for row in range(begin, end):
        query = first + row
        for entry in range(start[query], start[query + 1]):
            column = columns[entry]
            for other in range(list_start[column], list_start[column + 1]):
                shared[list_rows[other]] += min(weights[entry], list_weights[other])
        for j in range(block.shape[1]):
            jaccard = max(0.0, 1 - shared[j] / (2 - shared[j]))
            distance = max(0.0, 2 - 2 * block[row, j]) * scale[query]
            block[row, j] = -(weight * distance + (1 - weight) * jaccard)
            shared[j] = 0
