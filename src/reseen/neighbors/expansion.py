"""Query expansion: a query takes in the gallery rows that it finds first, whoever is on them.

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
    r"""Each query plus $\sum_i \max(s_i, 0)^p g_i$ over its `count` most similar gallery rows, scaled to length 1.

    With power 0 every row counts alike (average query expansion), with 3 near ones count most. A gallery with fewer
    rows is taken in whole. `chunk_cells` bounds the similarities held at once, in numbers, not bytes.

    Raises:
        SettingsError: `count` is below 1, the power is negative, or features are raw.
    """
    if query.raw or gallery.raw:
        raise SettingsError("query expansion needs unit vectors: leave raw features or query expansion out")
    if count < 1 or power < 0:
        raise SettingsError(
            f"query expansion takes in 1 answer or more, by a power of 0 or more; found {count} and {power:g}"
        )
    if not len(gallery):
        return query
    expanded = []
    for queries in query.vectors.split(max(1, chunk_cells // len(gallery))):
        best = torch.topk(queries @ gallery.vectors.T, min(count, len(gallery)), dim=1)
        weights = best.values.clamp_min(0) ** power
        expanded.append(queries + (weights[:, :, None] * gallery.vectors[best.indices]).sum(dim=1))
    return Features(unit(torch.cat(expanded)) if expanded else query.vectors)
