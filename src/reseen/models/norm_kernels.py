"""Compiled loops of batch norm in training mode with the activation behind it, over maps in channels-last memory.

On a CPU batch norm is limited by memory. torch reads or writes a map seven times forward (statistics, the normalized
map, a copy of it that the activation keeps, the activation) and ten times backward; these kernels do so four and five
times.
"""

import numpy as np

from reseen.compiled import compiled

_BLOCK = 64
"""Rows that are added in float32 before the sum is added to one in float64."""


@compiled(fastmath={"contract"})
def normalize(
    maps: np.ndarray,
    edges: np.ndarray,
    affine: tuple[np.ndarray, np.ndarray],
    settings: tuple[float, float, float],
    statistics: tuple[np.ndarray, np.ndarray, np.ndarray],
    output: np.ndarray,
) -> None:
    """Write `maps` (r, c), float32, normalized by groups of rows, scaled, shifted and clipped to `output` (r, c).

    `edges` (g + 1) are the first rows of the groups and the end of the last; `affine` weight and bias (c);
    `settings` epsilon, and the lowest and highest output. `statistics` (g, c) each: mean, unbiased variance and inverse
    of the biased standard deviation are written there.
    """
    weight, shift = affine
    epsilon, low, high = settings
    means, variances, inverses = statistics
    width = maps.shape[1]
    block = np.empty(width, np.float32)
    total = np.empty(width, np.float64)
    mean = np.empty(width, np.float32)
    scale = np.empty(width, np.float32)
    for group in range(len(edges) - 1):
        start, stop = edges[group], edges[group + 1]
        rows = stop - start
        for square in range(2):
            total[:] = 0
            for row in range(start, stop, _BLOCK):
                block[:] = 0
                for inner in range(row, min(row + _BLOCK, stop)):
                    line = maps[inner]
                    if square:
                        for c in range(width):
                            moved = line[c] - mean[c]
                            block[c] += moved * moved
                    else:
                        for c in range(width):
                            block[c] += line[c]
                for c in range(width):
                    total[c] += block[c]
            for c in range(width):
                if square:
                    inverse = 1 / np.sqrt(total[c] / rows + epsilon)
                    variances[group, c] = total[c] / (rows - 1)
                    inverses[group, c] = inverse
                    scale[c] = weight[c] * inverse
                else:
                    mean[c] = total[c] / rows
                    means[group, c] = mean[c]
        for row in range(start, stop):
            line = maps[row]
            target = output[row]
            for c in range(width):
                value = (line[c] - mean[c]) * scale[c] + shift[c]
                value = low if value < low else value
                target[c] = high if value > high else value


@compiled(fastmath={"contract"})
def normalize_backward(
    maps: np.ndarray,
    above: np.ndarray,
    edges: np.ndarray,
    affine: tuple[np.ndarray, np.ndarray],
    bounds: tuple[float, float],
    statistics: tuple[np.ndarray, np.ndarray],
    of_maps: np.ndarray,
    of_affine: tuple[np.ndarray, np.ndarray],
) -> None:
    """Write the gradients of `normalize` for those `above` (r, c): of the maps, and of weight and bias (c).

    `bounds` are the lowest and highest output, where no gradient passes; `statistics` (g, c) means and inverse
    deviations.
    """
    weight, shift = affine
    low, high = bounds
    means, inverses = statistics
    of_weight, of_bias = of_affine
    width = maps.shape[1]
    sums = np.empty(width, np.float32)
    products = np.empty(width, np.float32)
    total = np.empty((2, width), np.float64)
    mean = np.empty(width, np.float32)
    scale = np.empty(width, np.float32)
    factor = np.empty(width, np.float32)
    for c in range(width):
        of_weight[c] = 0
        of_bias[c] = 0
    for group in range(len(edges) - 1):
        start, stop = edges[group], edges[group + 1]
        total[:] = 0
        for c in range(width):
            mean[c] = means[group, c]
            scale[c] = weight[c] * inverses[group, c]
        for row in range(start, stop, _BLOCK):
            sums[:] = 0
            products[:] = 0
            for inner in range(row, min(row + _BLOCK, stop)):
                line = maps[inner]
                upper = above[inner]
                for c in range(width):
                    moved = line[c] - mean[c]
                    value = moved * scale[c] + shift[c]
                    passed = upper[c] if (low < value) & (value < high) else np.float32(0)
                    sums[c] += passed
                    products[c] += passed * moved
            for c in range(width):
                total[0, c] += sums[c]
                total[1, c] += products[c]
        rows = stop - start
        for c in range(width):
            inverse = inverses[group, c]
            of_weight[c] += total[1, c] * inverse
            of_bias[c] += total[0, c]
            sums[c] = total[0, c] / rows
            factor[c] = total[1, c] / rows * inverse * inverse
        for row in range(start, stop):
            line = maps[row]
            upper = above[row]
            target = of_maps[row]
            for c in range(width):
                moved = line[c] - mean[c]
                value = moved * scale[c] + shift[c]
                passed = upper[c] if (low < value) & (value < high) else np.float32(0)
                target[c] = scale[c] * (passed - sums[c] - moved * factor[c])
