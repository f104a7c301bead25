"""Inter-camera contrast: a feature is pulled to its cluster as other cameras see it.

References: Wang et al., "Camera-aware proxies for unsupervised person re-identification", AAAI 2021, for the
proxies and the hardest negatives; Chen et al., "ICE: Inter-instance contrastive encoding for unsupervised person
re-identification", ICCV 2021, for each positive by itself against the negatives.
"""

from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import softplus


def inter_camera_contrast(
    features: Float[Tensor, "b d"],
    labels: Int64[Tensor, " b"],
    cameras: Int64[Tensor, " b"],
    proxies: Float[Tensor, "p d"],
    proxy_labels: Int64[Tensor, " p"],
    proxy_cameras: Int64[Tensor, " p"],
    *,
    hardest: int = 50,
    temperature: float = 0.07,
) -> Float[Tensor, ""]:
    r"""Mean over rows and their positives p of $-\log \frac{e^{s_p / \tau}}{e^{s_p / \tau} + \sum_n e^{s_n / \tau}}$.

    $s$ are inner products of unit rows, `temperature` is $\tau$, above 0. Positives of a row are the proxies of its
    cluster under other cameras, negatives the `hardest` (1 or more) most similar proxies of other clusters, all where
    there are fewer. Rows without a positive or a negative, or of unknown camera (-1), count as 0. No gradient flows to
    the proxies.

    Example:
        proxies = CameraProxies(features, labels, cameras)
        loss = inter_camera_contrast(
            batch_features, batch_labels, batch_cameras, proxies.vectors, proxies.labels, proxies.cameras
        )
    """
    if not len(proxies):
        return features.sum() * 0
    same = labels[:, None] == proxy_labels[None, :]
    positive = same & (cameras[:, None] != proxy_cameras[None, :]) & (cameras >= 0)[:, None]
    usable = (positive.any(dim=1) & (~same).any(dim=1))[:, None]
    scores = features @ proxies.detach().T / temperature
    apart = scores.masked_fill(
        same & usable, float("-inf")
    )  # other rows are left finite, and counted as 0 below
    negatives = apart.topk(min(hardest, len(proxies)), dim=1).values.logsumexp(dim=1, keepdim=True)
    kept = positive & usable
    of_row = (softplus(negatives - scores) * kept).sum(dim=1) / kept.sum(dim=1).clamp_min(1)
    return of_row.mean()
