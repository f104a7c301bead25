"""Exact k-NN on the CPU: ours against scikit-learn's brute force and against torch's bare matrix product."""

import statistics
from typing import Any

import torch

from cases.case import Case, Options, row, timed
from cases.mixture import mixture
from reseen.neighbors import nearest
from reseen.neighbors.knn import search_product

_K = 30


def run(options: Options) -> dict[str, Any]:
    """Time the search at Market-1501's size, and at a smaller one where scikit-learn's is bearable."""
    images, small, dimension = (1_500, 800, 256) if options.quick else (12_767, 4_000, 2_048)
    drawn = mixture(images, dimension, people=images // 17)
    part = mixture(small, dimension, people=small // 17)

    def matrix_product() -> None:
        for chunk in drawn.features.vectors.split(2_048):
            _ = chunk @ drawn.features.vectors.T

    ours, product, both = timed(
        options.repeat,
        lambda: nearest(drawn.features, _K),
        matrix_product,
        lambda: search_product(drawn.features, _K, "cpu"),
    )
    ours_small, theirs_small = timed(
        options.repeat, lambda: nearest(part.features, _K), lambda: _brute_force(part.features.numpy)
    )
    operations = 2 * images**2 * dimension
    rate = operations / statistics.median(product) / 1e9
    limit = f"{operations / 1e9:.0f} GFLOP; the bare product runs at {rate:.0f} GFLOP/s here"
    size = f"{images:,} x {dimension:,}, k {_K}"
    return {
        "rows": [
            row(f"k-NN {size}", ours, against="matrix product", against_seconds=product, limit=limit),
            row(f"k-NN {size}", ours, against="product and top-k", against_seconds=both, limit=limit),
            row(
                f"k-NN {small:,} x {dimension:,}, k {_K}",
                ours_small,
                against="scikit-learn brute",
                against_seconds=theirs_small,
                limit="the same product",
                goal_met=None
                if options.quick
                else statistics.median(ours_small) <= statistics.median(theirs_small),
            ),
        ],
        "threads": torch.get_num_threads(),
    }


def _brute_force(vectors: Any) -> None:
    from sklearn.neighbors import NearestNeighbors

    NearestNeighbors(n_neighbors=_K, algorithm="brute").fit(vectors).kneighbors(vectors)


KNN = Case("knn", "no slower than scikit-learn's brute force", run)
