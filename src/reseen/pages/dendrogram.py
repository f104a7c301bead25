"""Dendrograms as inline SVG, with a crop at each leaf."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from markupsafe import Markup

from reseen.pages.album import Picture
from reseen.pages.axes import LEFT, RIGHT, Axis, axis, grid, short, ticks

_STEP, _CROP = 38, 32
"""Distance of leaves, and width of a crop, in pixels."""
_ABOVE, _TREE, _GAP, _LABEL = 26, 170, 6, 18
_MAX_ASPECT = 3
"""Maximum height of a crop, relative to its width."""


def dendrogram(
    matrix: Float64[np.ndarray, "k_minus_1 4"], leaves: Sequence[tuple[Picture, str]], heights: str
) -> Markup:
    """The dendrogram of a linkage matrix as SVG.

    Args:
        matrix: SciPy's linkage matrix.
        leaves: the crop of each leaf and a short label below it, in the order of the matrix.
        heights: meaning of the heights, such as `merge cost`.

    Raises:
        ValueError: there are fewer than two leaves, or the number of crops differs.
    """
    from scipy.cluster import hierarchy

    count = len(matrix) + 1
    if count < 2 or len(leaves) != count:
        raise ValueError(f"a tree of {count} leaves needs as many crops, and at least two; got {len(leaves)}")
    order = hierarchy.dendrogram(matrix, no_plot=True, distance_sort="ascending")["leaves"]
    levels = ticks(0, float(matrix[:, 2].max()))
    floor, width = _ABOVE + _TREE, LEFT + count * _STEP + RIGHT
    y = axis(levels[0], levels[-1], floor, _ABOVE)
    high = max(_shown_height(picture) for picture, _ in leaves)
    parts = [
        grid(levels, y, short, width - RIGHT),
        Markup('<text class="tick" x="0" y="12">{}</text>').format(heights),
        *_joins(matrix, order, y, heights),
        *(_leaf(index, leaves[leaf], floor + _GAP, high) for index, leaf in enumerate(order)),
    ]
    words = f"tree of {count} crops, {heights} up to {short(float(matrix[-1, 2]))}"
    return Markup(
        '<svg class="tree" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">{3}</svg>'
    ).format(width, floor + _GAP + high + _LABEL, words, Markup("").join(parts))


def _joins(
    matrix: Float64[np.ndarray, "k_minus_1 4"], order: Sequence[int], y: Axis, heights: str
) -> list[Markup]:
    """A bracket for each merge, with its height as tooltip."""
    count = len(order)
    across, height, size = np.zeros(2 * count - 1), np.zeros(2 * count - 1), np.ones(2 * count - 1, int)
    across[list(order)] = LEFT + _STEP * (np.arange(count) + 0.5)
    brackets = []
    for node, (first, second, cost, _) in enumerate(matrix.tolist(), start=count):
        left, right = sorted((int(first), int(second)), key=lambda child: across[child])
        across[node], height[node] = (across[left] + across[right]) / 2, cost
        size[node] = size[left] + size[right]
        path = f"M{across[left]:.1f} {y(height[left])}V{y(cost)}H{across[right]:.1f}V{y(height[right])}"
        tooltip = f"{heights} {cost:.4g}: {_crops(size[left])} and {_crops(size[right])}"
        brackets.append(
            Markup(
                '<g class="join"><path class="catch" d="{0}"/><path d="{0}"/><title>{1}</title></g>'
            ).format(path, tooltip)
        )
    return brackets


def _crops(count: int) -> str:
    return "1 crop" if count == 1 else f"{count} crops"


def _leaf(index: int, leaf: tuple[Picture, str], top: float, high: float) -> Markup:
    picture, label = leaf
    middle = LEFT + _STEP * (index + 0.5)
    crop = Markup(
        '<svg x="{}" y="{}" width="{}" height="{}" viewBox="0 0 {} {}"><title>{}</title><use href="#{}"/></svg>'
    ).format(
        middle - _CROP / 2, top, _CROP, _shown_height(picture), picture.width, picture.height, picture.alt,
        picture.name,
    )  # fmt: skip
    text = Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(middle, top + high + 14, label)
    return crop + (text if label else Markup(""))


def _shown_height(picture: Picture) -> float:
    return round(_CROP * min(picture.height / picture.width, _MAX_ASPECT), 1)
