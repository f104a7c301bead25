"""How well clusters mix cameras: what a cluster knows about the camera tells of grouping cameras, not people."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Int64
from scipy.stats import hypergeom

from reseen.records import NOISE, UNKNOWN_CAMERA, PseudoLabels


@dataclass(frozen=True)
class CameraMixing:
    """Entropies are means over clustered crops, in nats."""

    entropy: float
    """Of the cameras within a cluster."""
    by_chance: float
    """The same, were the crops of every cluster drawn at random from all crops."""

    @property
    def share(self) -> float:
        """Entropy found over entropy by chance: 0 where every cluster has one camera, 1 where cameras do not matter."""
        return min(self.entropy / self.by_chance, 1.0)


def camera_mixing(labels: PseudoLabels, cameras: Int64[np.ndarray, " n"] | None) -> CameraMixing | None:
    """Compare the cameras in clusters of two crops or more with chance; None where there is nothing to compare.

    Crops of unknown camera, in noise or alone do not count. The entropy by chance is exact: crops drawn without
    putting back, so that small clusters, which cannot show many cameras, are not blamed for it.
    """
    if cameras is None:
        return None
    known = cameras != UNKNOWN_CAMERA
    _, camera = np.unique(cameras[known], return_inverse=True)
    totals = np.bincount(camera)
    kept = labels.labels[known] != NOISE
    if len(totals) < 2 or not kept.any():
        return None
    counts = np.zeros((labels.cluster_count, len(totals)), dtype=np.int64)
    np.add.at(counts, (labels.labels[known][kept], camera[kept]), 1)
    sizes = counts.sum(axis=1)
    counts, sizes = counts[sizes > 1], sizes[sizes > 1]
    if not len(sizes):
        return None
    shares = counts / sizes[:, None]
    logarithms = np.log(shares, where=counts > 0, out=np.zeros_like(shares))
    found = -(shares * logarithms).sum(axis=1)
    key = tuple(totals.tolist())
    chance = np.array([_chance(int(size), key) for size in sizes])
    crops = sizes.sum()
    return CameraMixing(float(sizes @ found / crops), float(sizes @ chance / crops))


@lru_cache(maxsize=4096)
def _chance(size: int, totals: tuple[int, ...]) -> float:
    """Expected entropy of the cameras of `size` crops drawn without putting back."""
    seen = np.arange(1, size + 1)
    share = seen / size
    terms = -share * np.log(share)
    crops = sum(totals)
    return float(sum(hypergeom.pmf(seen, crops, total, size) @ terms for total in totals))
