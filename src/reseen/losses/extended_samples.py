"""Implicit sample extension: features moved from their cluster towards the nearest other one, which stay in their own.

Reference: Zhang et al., "Implicit sample extension for unsupervised person re-identification", CVPR 2022, for the
samples and how far they are moved.
"""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from reseen.geometry import unit


def extension_step(progress: float, degree: float) -> float:
    r"""How far samples are moved, $\frac{\lambda}{2}$ with $\lambda = \frac{\lambda_0}{2} \ln((e - 1) p + 1)$.

    A share of the way between two centroids: 0 at the begin of the training, `degree` / 4 at its end.

    Args:
        progress: p, the share of the training that is done, 0 to 1.
        degree: $\lambda_0$, 0 or more.

    Example:
        >>> extension_step(progress=1.0, degree=1.0)
        0.25
    """
    return 0.25 * degree * math.log((math.e - 1) * progress + 1)


def extend_samples(
    features: Float[Tensor, "b d"],
    labels: Int64[Tensor, " b"],
    centroids: Float[Tensor, "c d"],
    step: float,
) -> Float[Tensor, "b d"]:
    r"""Extended samples $\operatorname{unit}(f + s (c_n - c_y))$, of unit length.

    $c_y$ is the centroid of the feature's own cluster, $c_n$ the most similar other centroid to the feature, s the
    `step`. Features and centroids are unit rows. With a single cluster features stay as they are. Gradients flow to the
    features alone.

    Example:
        extended = extend_samples(features, labels, memory.vectors, extension_step(progress, degree=1.0))
        loss = cluster_contrast(extended, labels, memory.vectors, temperature=0.05)
    """
    if len(centroids) < 2:
        return features
    centroids = centroids.detach()
    similarity = features.detach() @ centroids.T
    nearest = similarity.scatter(1, labels[:, None], float("-inf")).argmax(dim=1)
    direction = centroids.index_select(0, nearest) - centroids.index_select(0, labels)
    return unit(torch.add(features, direction, alpha=step))
