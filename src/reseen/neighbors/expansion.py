"""Query expansion over the top-ranked gallery rows.

References: Chum et al. 2007, "Total recall" (average); Radenović et al. 2018, "Fine-tuning CNN image retrieval with
no human annotation", section 3.3 (weights by a power of the similarity).
"""

import torch

from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.neighbors.knn import CHUNK_CELLS
from reseen.records import Features


def expand_queries(
    query: Features, gallery: Features, count: int, power: float = 0.0, chunk_cells: int = CHUNK_CELLS
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
