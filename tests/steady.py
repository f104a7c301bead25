"""Features that every processor clusters alike.

What a short training has learned is rounded otherwise by every processor, and one rounding may decide which crops form
a cluster. A test of something else that needs clusters takes these.
"""

import torch

from reseen.geometry import unit
from reseen.records import Features

GROUP = 5
"""Rows of a group: one more than the neighbors that tiny recipes look up."""


def far_apart(features, groups=None):
    """The same features near corners of their own: those of a group are alike, those of two at right angles.

    Rows are grouped one after another where `groups`, a number for each, are not given.
    """
    count, dimension = features.vectors.shape
    groups = torch.arange(count) // GROUP if groups is None else torch.as_tensor(groups)
    assert int(groups.max()) < dimension
    corners = torch.zeros(count, dimension)
    corners[torch.arange(count), groups] = 1
    return Features(unit(corners + 0.2 * unit(features.vectors)))
