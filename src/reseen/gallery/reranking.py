"""The first answers of a search, ranked anew by the neighbors that they share."""

import numpy as np
import torch
from jaxtyping import Float32

from reseen.gallery.entries import Hit
from reseen.gallery.store import Store
from reseen.gallery.where import Where
from reseen.neighbors.rerank import Reranked, RerankSettings
from reseen.records import Features


def reranked(store: Store, vector: Float32[np.ndarray, " d"], hits: list[Hit], count: int) -> list[Hit]:
    """The first `count` hits in the order of their k-reciprocal distance to the query, the others behind them.

    Similarities stay those of the vectors. Reference: Zhong et al. 2017, section 3, among these hits alone.
    """
    head, tail = hits[:count], hits[count:]
    if len(head) < 3:
        return hits
    vectors: dict[str, np.ndarray] = {}
    for part in store.scan(Where(keys=tuple(hit.entry.key for hit in head))):
        vectors.update({entry.key: row for entry, row in zip(part.entries, part.vectors, strict=True)})
    gallery = Features(torch.from_numpy(np.stack([vectors[hit.entry.key] for hit in head])))
    query = Features(torch.from_numpy(vector.astype(np.float32)[None] / np.linalg.norm(vector)))
    k1 = min(20, len(head) - 1)
    settings = RerankSettings(k1=k1, k2=min(6, k1))
    similarity = torch.empty(1, len(head))
    Reranked(query, gallery, settings).fill(0, 1, similarity)
    order = np.argsort(-similarity[0].numpy(), kind="stable")
    return [head[place] for place in order] + tail
