r"""k-reciprocal re-ranking of queries against a gallery, on sparse rows and in blocks of queries.

Queries and gallery are encoded together. The new distance is $(1 - \lambda) d_J + \lambda d$: $d_J$ the Jaccard
distance of encodings, 0 to 1; $d$ the squared Euclidean distance, which the variant `zhong` divides by the query's
largest to all rows and the variant `faiss` takes as it is.

Reference: Zhong et al. 2017, "Re-ranking person re-identification with k-reciprocal encoding", section 3 and eq. 12.
The public code of the variant `faiss` stops at the Jaccard distance; its sum with `d` is ours.
"""

from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float32
from pydantic import Field
from scipy.sparse import csr_array
from torch import Tensor

from reseen.config import Settings
from reseen.errors import SettingsError
from reseen.neighbors.jaccard import JaccardSettings, averaged, parts, reciprocal_weights, row_scales
from reseen.neighbors.knn import nearest
from reseen.records import Features

_MOST_ROWS = 256
_ENTRY_BYTES = 8
"""A weight and its column."""


class RerankSettings(Settings):
    """Published values for retrieval."""

    variant: Literal["zhong", "faiss"] = "zhong"
    """As for the Jaccard distance: `zhong` has itself and k1 neighbors, `faiss` itself and k1 - 1."""

    k1: Annotated[int, Field(ge=1)] = 20
    """Neighbors whose reciprocity is asked."""

    k2: Annotated[int, Field(ge=1)] = 6
    """Nearest rows, itself included, over which encodings are averaged."""

    distance_weight: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of the plain distance in the new one; the paper's lambda."""

    memory: Annotated[float, Field(gt=0)] = 2.0
    """Gigabytes that re-ranking may add to loaded features."""

    @property
    def text(self) -> str:
        """For a score to state."""
        return f"{self.variant}, k1 {self.k1}, k2 {self.k2}, lambda {self.distance_weight:g}"

    @property
    def jaccard(self) -> JaccardSettings:
        """The part that encodes."""
        return JaccardSettings(k1=self.k1, k2=self.k2, variant=self.variant)


class Reranked:
    """Similarities of queries with a gallery: the re-ranked distance, below zero.

    Attributes:
        block_rows: queries at a time that the memory allows.
    """

    def __init__(self, query: Features, gallery: Features, settings: RerankSettings) -> None:
        """Search, encode, and keep the sparse rows.

        Raises:
            SettingsError: features are raw, or the memory does not suffice; the message says how much does.
        """
        if query.raw or gallery.raw:
            raise SettingsError("re-ranking needs unit vectors: leave raw features or re-ranking out")
        n, dimension = len(query) + len(gallery), query.vectors.shape[1]
        room = int(settings.memory * 1e9)
        fixed = 4 * n * dimension + n * settings.jaccard.columns * (8 + 4 + 1 + 4)
        _fits(fixed + 4 * n, room, n, settings)
        together = Features(torch.cat([query.vectors, gallery.vectors]))
        scale = row_scales(together, settings.jaccard, chunk_cells=max(n, min(1 << 26, (room - fixed) // 4)))
        neighbors = nearest(together, settings.jaccard.columns)
        weights = reciprocal_weights(together, neighbors, settings.jaccard, scale)
        # Averaging over k2 rows makes rows up to k2 times as long; they are held by row and by column.
        fixed += _ENTRY_BYTES * len(weights[1]) * (1 + 2 * settings.k2)
        _fits(fixed + 4 * len(gallery), room, n, settings)
        start, columns, values = averaged(weights, neighbors, settings.k2)
        self._query, self._gallery = query.vectors, gallery.vectors
        cut = start[len(query)]
        self._rows = start[: len(query) + 1], columns[:cut], values[:cut]
        below = csr_array((values[cut:], columns[cut:], start[len(query) :] - cut), shape=(len(gallery), n))
        self._lists = parts(below.tocsc())
        self._scale, self._weight = scale[: len(query)], np.float32(settings.distance_weight)
        self.block_rows = int(min(_MOST_ROWS, max(1, (room - fixed) // (4 * max(1, len(gallery))))))

    def fill(self, start: int, stop: int, out: Float32[Tensor, "b g"]) -> None:
        """Write the rows of queries `start` to `stop`; higher is nearer, 0 is the highest."""
        from reseen.neighbors.jaccard_kernels import in_ranges
        from reseen.neighbors.row_kernels import blend

        torch.mm(self._query[start:stop], self._gallery.T, out=out)
        in_ranges(blend, stop - start, start, self._rows, self._lists, self._scale, self._weight, out.numpy())


def _fits(needed: int, room: int, rows: int, settings: RerankSettings) -> None:
    if needed > room:
        raise SettingsError(
            f"re-ranking {rows:,} rows needs up to {needed / 1e9:.2g} GB, {settings.memory:g} GB are allowed; raise "
            "the memory for re-ranking, or rank without it"
        )
