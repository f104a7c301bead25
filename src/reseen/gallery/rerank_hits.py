"""Re-ranking of the first hits of a search by their shared neighbors."""

import numpy as np
import torch
from jaxtyping import Float32

from reseen.gallery.entries import Hit
from reseen.gallery.filter import Filter
from reseen.gallery.store import Store
from reseen.neighbors.rerank import Reranked, RerankSettings
from reseen.records import Features

SHORTLIST = 100
"""Number of hits that are re-ranked."""


def rerank_hits(store: Store, vector: Float32[np.ndarray, " d"], hits: list[Hit]) -> list[Hit]:
    """The first hundred hits by k-reciprocal distance among themselves, then the others; similarities are kept.

    Reference: Zhong et al. 2017, section 3.
    """
    head, tail = hits[:SHORTLIST], hits[SHORTLIST:]
    if len(head) < 3:
        return hits
    vectors: dict[str, np.ndarray] = {}
    for batch in store.scan(Filter(keys=tuple(hit.entry.key for hit in head))):
        vectors.update({entry.key: row for entry, row in zip(batch.entries, batch.vectors, strict=True)})
    gallery = Features(torch.from_numpy(np.stack([vectors[hit.entry.key] for hit in head])))
    query = Features(torch.from_numpy(vector.astype(np.float32)[None] / np.linalg.norm(vector)))
    k1 = min(20, len(head) - 1)
    settings = RerankSettings(k1=k1, k2=min(6, k1))
    similarity = torch.empty(1, len(head))
    Reranked(query, gallery, settings).fill(0, 1, similarity)
    order = np.argsort(-similarity[0].numpy(), kind="stable")
    return [head[rank] for rank in order] + tail
