"""What an encoder makes of some crops: their features, and those of other views of a sample of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from reseen.records import Features


@dataclass(frozen=True)
class Probe:
    """Features of crops and of other views of some of them, with what is known of the crops beside people.

    Raises:
        ValueError: the arrays do not fit together.
    """

    features: Features
    """Unit features of n crops."""
    views: Features
    """Unit features of another view of the crops `rows`."""
    rows: Int64[np.ndarray, " m"]
    """Rows of the crops that have another view, ascending."""
    cameras: Int64[np.ndarray, " n"] | None = None
    """Camera indices, -1 where unknown; None without any."""
    tracklets: Int64[np.ndarray, " n"] | None = None
    """Tracklet indices, -1 where unknown; None without any."""

    def __post_init__(self) -> None:
        count = len(self.features)
        if len(self.rows) != len(self.views):
            raise ValueError(f"expected a row for each of {len(self.views)} views, got {len(self.rows)}")
        if len(self.rows) and not 0 <= int(self.rows.min()) <= int(self.rows.max()) < count:
            raise ValueError(f"rows of views must be below {count}, the number of crops")
        for name, column in (("cameras", self.cameras), ("tracklets", self.tracklets)):
            if column is not None and column.shape != (count,):
                raise ValueError(f"{name} need one value for each of {count} crops, got {column.shape}")
