"""Trees as inline SVG: crops at the foot, what joining them cost at the side."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from markupsafe import Markup

from reseen.pages.album import Picture
from reseen.pages.axes import LEFT, RIGHT, Axis, axis, grid, short, ticks

_STEP, _CROP = 38, 32
"""From leaf to leaf, and the width of a crop, in drawing units, which are pixels here."""
_ABOVE, _TREE, _GAP, _LABEL = 26, 170, 6, 18
_TALLEST = 3
"""Crops are shown no higher than so many times their width."""


def dendrogram(
    matrix: Float64[np.ndarray, "k_minus_1 4"], feet: Sequence[tuple[Picture, str]], heights: str
) -> Markup:
    """Draw a tree.

    Args:
        matrix: SciPy's linkage matrix.
        feet: the crop of each leaf and a sign or two to stand below it, in the order of the matrix.
        heights: what a height is, such as `merge cost`.

    Raises:
        ValueError: fewer than two leaves, or another number of crops.
    """
    from scipy.cluster import hierarchy

    count = len(matrix) + 1
    if count < 2 or len(feet) != count:
        raise ValueError(f"a tree of {count} leaves needs as many crops, and at least two; got {len(feet)}")
    order = hierarchy.dendrogram(matrix, no_plot=True, distance_sort="ascending")["leaves"]
    levels = ticks(0, float(matrix[:, 2].max()))
    floor, width = _ABOVE + _TREE, LEFT + count * _STEP + RIGHT
    y = axis(levels[0], levels[-1], floor, _ABOVE)
    high = max(_shown_height(picture) for picture, _ in feet)
    parts = [
        grid(levels, y, short, width - RIGHT),
        Markup('<text class="tick" x="0" y="12">{}</text>').format(heights),
        *_joins(matrix, order, y, heights),
        *(_foot(place, feet[leaf], floor + _GAP, high) for place, leaf in enumerate(order)),
    ]
    words = f"tree of {count} crops, {heights} up to {short(float(matrix[-1, 2]))}"
    return Markup(
        '<svg class="tree" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">{3}</svg>'
    ).format(width, floor + _GAP + high + _LABEL, words, Markup("").join(parts))


def _joins(
    matrix: Float64[np.ndarray, "k_minus_1 4"], order: Sequence[int], y: Axis, heights: str
) -> list[Markup]:
    """A bracket for each merge, with its height under the pointer."""
    count = len(order)
    across, height, size = np.zeros(2 * count - 1), np.zeros(2 * count - 1), np.ones(2 * count - 1, int)
    across[list(order)] = LEFT + _STEP * (np.arange(count) + 0.5)
    drawn = []
    for place, (one, other, cost, _) in enumerate(matrix.tolist(), start=count):
        left, right = sorted((int(one), int(other)), key=lambda node: across[node])
        across[place], height[place] = (across[left] + across[right]) / 2, cost
        size[place] = size[left] + size[right]
        path = f"M{across[left]:.1f} {y(height[left])}V{y(cost)}H{across[right]:.1f}V{y(height[right])}"
        words = f"{heights} {cost:.4g}: {_crops(size[left])} and {_crops(size[right])}"
        drawn.append(
            Markup(
                '<g class="join"><path class="catch" d="{0}"/><path d="{0}"/><title>{1}</title></g>'
            ).format(path, words)
        )
    return drawn


def _crops(count: int) -> str:
    return "1 crop" if count == 1 else f"{count} crops"


def _foot(place: int, foot: tuple[Picture, str], top: float, high: float) -> Markup:
    picture, label = foot
    middle = LEFT + _STEP * (place + 0.5)
    crop = Markup(
        '<svg x="{}" y="{}" width="{}" height="{}" viewBox="0 0 {} {}"><title>{}</title><use href="#{}"/></svg>'
    ).format(
        middle - _CROP / 2, top, _CROP, _shown_height(picture), picture.width, picture.height, picture.alt,
        picture.name,
    )  # fmt: skip
    text = Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(middle, top + high + 14, label)
    return crop + (text if label else Markup(""))


def _shown_height(picture: Picture) -> float:
    return round(_CROP * min(picture.height / picture.width, _TALLEST), 1)
