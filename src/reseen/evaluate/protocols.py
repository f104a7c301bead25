"""The published rules by name."""

import numpy as np
from jaxtyping import Int64

from reseen.evaluate.metrics import RetrievalScore, evaluate
from reseen.records import Features


def market(
    query: Features,
    gallery: Features,
    query_identities: Int64[np.ndarray, " q"],
    query_cameras: Int64[np.ndarray, " q"],
    gallery_identities: Int64[np.ndarray, " g"],
    gallery_cameras: Int64[np.ndarray, " g"],
) -> RetrievalScore:
    """Market-1501's single-query rules, which DukeMTMC-reID, MSMT17 and VeRi-776 share.

    Per query, gallery images of the same person under the same camera are taken out; the same camera with
    another person stays. Junk (identity -1) is dropped, distractors (identity 0) stay. A query with no right
    answer left is skipped, not counted as 0. Average precision is the step rule; the original toolbox used a
    trapezoid, which differs by some tenths of a point.

    Reference: Zheng et al. 2015, "Scalable person re-identification: a benchmark", section 5.

    Raises:
        DataError: shapes do not fit, or not one query has a right answer.
    """
    return evaluate(
        query,
        query_identities,
        query_cameras,
        gallery,
        gallery_identities,
        gallery_cameras,
        protocol="market",
    )
