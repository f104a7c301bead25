r"""k-reciprocal re-ranking of queries against a gallery, on sparse rows and in blocks of queries; query expansion.

Queries and gallery are encoded together. The final distance is $(1 - \lambda) d_J + \lambda d$, with $d_J$ the Jaccard
distance of the encodings, 0 to 1, and $d$ the squared Euclidean distance, which the variant `zhong` divides by the
query's largest distance to all rows.

Reference: Zhong et al., "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017, section 3 and
eq. 12. The public code of the variant `faiss` only computes the Jaccard distance; adding $d$ is ours.

Queries can also be expanded over their top-ranked gallery rows: Chum et al. 2007, "Total recall" (average);
Radenović et al. 2018, "Fine-tuning CNN image retrieval with no human annotation", section 3.3 (weights by a power of
the similarity).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float32
from pydantic import Field
from scipy.sparse import csr_array
from torch import Tensor

from reseen.config import Settings
from reseen.errors import SettingsError
from reseen.geometry import FeatureRows, as_features, unit
from reseen.neighbors.jaccard import (
    JaccardSettings,
    average_over_neighbors,
    csr_arrays,
    reciprocal_weights,
    row_scales,
)
from reseen.neighbors.knn import CHUNK_CELLS, nearest
from reseen.records import Features

_MOST_ROWS = 256
"""Largest number of queries per block."""
_ENTRY_BYTES = 8
"""Bytes of a sparse entry: weight and column."""


class RerankSettings(Settings):
    """Settings of k-reciprocal re-ranking; the defaults are the published values."""

    variant: Literal["zhong", "faiss"] = "zhong"
    """As for the Jaccard distance: `zhong` uses the row and k1 neighbors, `faiss` the row and k1 - 1."""

    k1: Annotated[int, Field(ge=1)] = 20
    """Neighbors checked for reciprocity."""

    k2: Annotated[int, Field(ge=1)] = 6
    """Nearest rows, including the row itself, for local query expansion."""

    distance_weight: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Weight of the original distance in the final one; the paper's lambda."""

    memory: Annotated[float, Field(gt=0)] = 2.0
    """Memory limit of re-ranking in gigabytes, beyond the loaded features."""

    @classmethod
    def of(cls, value: "RerankSettings | Mapping[str, Any] | str | None") -> "RerankSettings | None":
        """Settings from the name of a variant or a mapping of settings; None for None.

        Raises:
            SettingsError: an unknown variant, an unknown setting, or a value out of range.
        """
        if value is None or isinstance(value, RerankSettings):
            return value
        return cls.parse({"variant": value} if isinstance(value, str) else value, "rerank")

    @property
    def text(self) -> str:
        """The settings as one line for score tables."""
        return f"{self.variant}, k1 {self.k1}, k2 {self.k2}, lambda {self.distance_weight:g}"

    @property
    def jaccard(self) -> JaccardSettings:
        """The settings of the Jaccard distance."""
        return JaccardSettings(k1=self.k1, k2=self.k2, variant=self.variant)


class Reranked:
    """Re-ranked similarities of queries and gallery, computed in blocks: the negated re-ranked distance.

    Attributes:
        block_rows: number of queries per block that fits into `settings.memory`.

    Example:
        reranked = Reranked(query, gallery, RerankSettings())
        count = min(reranked.block_rows, len(query))
        block = torch.empty(count, len(gallery))
        reranked.fill(0, count, block)  # similarities of the first queries
    """

    def __init__(self, query: Features, gallery: Features, settings: RerankSettings) -> None:
        """Search neighbors and encode queries and gallery as sparse rows.

        Raises:
            SettingsError: features are raw, or `settings.memory` is too small; the message gives the memory needed.
        """
        if query.raw or gallery.raw:
            raise SettingsError("re-ranking needs unit vectors: use unit features, or disable re-ranking")
        n, dimension = len(query) + len(gallery), query.vectors.shape[1]
        limit = int(settings.memory * 1e9)
        fixed = 4 * n * dimension + n * settings.jaccard.columns * (8 + 4 + 1 + 4)
        _check_memory(fixed + 4 * n, limit, n, settings)
        features = Features(torch.cat([query.vectors, gallery.vectors]))
        scale = row_scales(features, settings.jaccard, chunk_cells=max(n, min(1 << 26, (limit - fixed) // 4)))
        neighbors = nearest(features, settings.jaccard.columns)
        weights = reciprocal_weights(features, neighbors, settings.jaccard, scale)
        # Averaging over k2 rows makes rows up to k2 times as long; they are stored by row and by column.
        fixed += _ENTRY_BYTES * len(weights[1]) * (1 + 2 * settings.k2)
        _check_memory(fixed + 4 * len(gallery), limit, n, settings)
        start, columns, values = average_over_neighbors(weights, neighbors, settings.k2)
        self._query, self._gallery = query.vectors, gallery.vectors
        end = start[len(query)]
        self._rows = start[: len(query) + 1], columns[:end], values[:end]
        gallery_start = start[len(query) :] - end
        encoded_gallery = csr_array((values[end:], columns[end:], gallery_start), shape=(len(gallery), n))
        self._lists = csr_arrays(encoded_gallery.tocsc())
        self._scale, self._weight = scale[: len(query)], np.float32(settings.distance_weight)
        self.block_rows = int(min(_MOST_ROWS, max(1, (limit - fixed) // (4 * max(1, len(gallery))))))

    def fill(self, start: int, stop: int, out: Float32[Tensor, "b g"]) -> None:
        """Write the similarities of queries `start` to `stop` into `out`; higher is nearer, 0 is the maximum."""
        from reseen.neighbors.jaccard_kernels import in_ranges
        from reseen.neighbors.row_kernels import blend

        torch.mm(self._query[start:stop], self._gallery.T, out=out)
        in_ranges(blend, stop - start, start, self._rows, self._lists, self._scale, self._weight, out.numpy())


def _check_memory(needed: int, limit: int, rows: int, settings: RerankSettings) -> None:
    if needed > limit:
        raise SettingsError(
            f"re-ranking {rows:,} rows needs up to {needed / 1e9:.2g} GB, the limit is {settings.memory:g} GB; raise "
            "the memory limit of re-ranking, or disable re-ranking"
        )


def expand_queries(
    query: FeatureRows, gallery: FeatureRows, count: int, power: float = 0.0, chunk_cells: int = CHUNK_CELLS
) -> Features:
    r"""Queries plus $\sum_i \max(s_i, 0)^p g_i$ over their `count` most similar gallery rows, scaled to unit length.

    Power 0 weights all rows equally (average query expansion, AQE); higher powers favor similar rows (alpha query
    expansion). If the gallery has fewer rows, all are used; an empty gallery leaves the queries unchanged.
    `chunk_cells` is the number of similarities computed at once, in values, not bytes.

    Raises:
        SettingsError: `count` is below 1, `power` is negative, or features are raw.

    Example:
        expanded = expand_queries(query, gallery, count=5, power=3)
    """
    query, gallery = as_features(query), as_features(gallery)
    if query.raw or gallery.raw:
        raise SettingsError(
            "query expansion needs unit vectors: use unit features, or disable query expansion"
        )
    if count < 1 or power < 0:
        raise SettingsError(
            f"query expansion needs a count of at least 1 and a power of at least 0, got {count} and {power:g}"
        )
    if not len(gallery):
        return query
    expanded = []
    for queries in query.vectors.split(max(1, chunk_cells // len(gallery))):
        top = torch.topk(queries @ gallery.vectors.T, min(count, len(gallery)), dim=1)
        weights = top.values.clamp_min(0) ** power
        expanded.append(queries + (weights[:, :, None] * gallery.vectors[top.indices]).sum(dim=1))
    return Features(unit(torch.cat(expanded)) if expanded else query.vectors)
