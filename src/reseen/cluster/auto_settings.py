r"""Chooses the settings of DBSCAN on Jaccard distances from the features, without labels.

The best number of neighbors and the best radius depend on how often people were seen: with four crops per person, 30
neighbors are mostly other people, and chaining through them merges hundreds. For each candidate, the crops are
clustered by two disjoint random halves of the feature dimensions. Chance and chaining differ between the halves, people
do not. The chosen candidate maximizes

$agreement \times clustered\ share \times \sqrt{partners}$

where agreement is the adjusted Rand index of the two clusterings with each outlier as a cluster of its own, the
clustered share is the mean fraction of crops in clusters, and partners is the mean size of a crop's cluster. Without
the last factor, small fragments of people win, and training on fragments separates crops of one person. Candidates for
which one cluster contains most of the pairs, or most crops are outliers, are considered only if there are no others: a
giant cluster agrees with itself.

`choose_eps` chooses eps alone, from one graph, for vectors too many for several graphs. As eps grows, noise first joins
clusters; then, within a few hundredths, chaining merges identities: the number of clusters falls while the number of
clustered images still rises. Their product peaks in between: fragments have many clusters but leave images out, a giant
cluster has all images but is only one. Where people were seen a few times only, the peak lies beyond the first chains.

Reference for choosing by stability: Ben-Hur et al., "A stability based method for discovering structure in clustered
data", 2002.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from scipy.sparse import csr_array

from reseen.cluster.dbscan import DbscanSettings, dbscan
from reseen.geometry import unit
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.neighbors.csr import Rows
from reseen.neighbors.jaccard import AUTO_K1, AUTO_K2
from reseen.records import Features, PseudoLabels

AUTO_EPS: tuple[float, ...] = (0.40, 0.45, 0.50, 0.55, 0.60)
"""Candidates for eps, Jaccard distances."""
AUTO_MIN_SAMPLES: tuple[int, ...] = (2, 3, 4)
"""Candidates for min_samples."""
MOST_ROWS = 20_000
"""Maximum number of rows that candidates are compared on; of more, whole neighborhoods are sampled."""

_MOST_OUTLIERS = 0.8
"""Fraction of outliers, 0 to 1, above which a candidate is a last resort."""
_LARGEST_PAIRS = 0.3
"""Fraction of all within-cluster pairs in the largest cluster, 0 to 1, above which a candidate is a last resort."""
_UNEVEN = 0.15
"""With few clusters, the largest may have this much more than its fraction of pairs among equal clusters."""
_PARTNERS_POWER = 0.5
"""Exponent of the mean cluster size; on the regimes it was tuned on, values from 0.4 to 0.75 give the same choice."""
_ALIKE = 1e-3
"""Values within this difference are ties, which go to the first candidate: fewer neighbors, smaller eps."""


@dataclass(frozen=True)
class SettingsChoice:
    """Settings chosen from the features, with the evidence."""

    jaccard: JaccardSettings
    """Settings with numbers for k1 and k2."""
    dbscan: DbscanSettings
    """Settings with numbers for eps and min_samples."""
    agreement: float
    """Adjusted Rand index of the clusterings by two halves of the dimensions, -1 to 1."""
    clustered_share: float
    """Fraction of the images in clusters, 0 to 1; the mean over the halves."""
    compared: int
    """Number of candidates."""

    def __str__(self) -> str:
        return (
            f"auto chose k1 {self.jaccard.k1}, k2 {self.jaccard.k2}, min_samples {self.dbscan.min_samples}, "
            f"eps {self.dbscan.eps:.2f} of {self.compared} candidates: two halves of the features agree best "
            f"({self.agreement:.2f}) on clusters with {self.clustered_share:.0%} of the images"
        )


def is_auto(jaccard: JaccardSettings, settings: DbscanSettings) -> bool:
    """Whether any of the four settings is `auto`."""
    return "auto" in (jaccard.k1, jaccard.k2, settings.eps, settings.min_samples)


def choose_settings(
    features: Features,
    jaccard: JaccardSettings,
    settings: DbscanSettings,
    device: str = "cpu",
) -> SettingsChoice:
    """Choose every setting of k1, k2, eps and min_samples that is `auto`; numbers are kept.

    The halves, and the sample of more than 20,000 rows, are drawn with a fixed seed.

    Args:
        features: features of n rows.
        jaccard: settings of the distance.
        settings: settings of DBSCAN.
        device: torch device of the neighbor search.

    Example:
        choice = choose_settings(features, JaccardSettings(k1="auto", k2="auto"), DbscanSettings(eps="auto"))
        labels = cluster_features(features, choice.jaccard, choice.dbscan).labels
    """
    generator = np.random.default_rng(0)
    rows = _sample(features, jaccard, device, generator)
    halves = _halves(features if rows is None else Features(features.vectors[rows], features.raw), generator)
    candidates = [
        (_value(labels), candidate, labels)
        for candidate, labels in _candidates(halves, jaccard, settings, device)
    ]
    plausible = [candidate for candidate in candidates if _is_plausible(candidate[2])] or candidates
    best = max(value for value, _, _ in plausible)
    _, (chosen, clustering), labels = next(entry for entry in plausible if entry[0] >= best - _ALIKE)
    return SettingsChoice(chosen, clustering, _agreement(labels), _clustered_share(labels), len(candidates))


def _candidates(
    halves: Sequence[Features], jaccard: JaccardSettings, settings: DbscanSettings, device: str
) -> Iterator[tuple[tuple[JaccardSettings, DbscanSettings], list[PseudoLabels]]]:
    """Every combination of candidate values, with the clustering of each half."""
    eps_values = AUTO_EPS if settings.eps == "auto" else (settings.eps,)
    width = max(candidate.columns for candidate in _jaccards(jaccard))
    by_half = [nearest(half, width, device) for half in halves]
    for candidate in _jaccards(jaccard):
        graphs = [
            jaccard_distance(half, neighbors, candidate, max(eps_values), device)
            for half, neighbors in zip(halves, by_half, strict=True)
        ]
        for samples in AUTO_MIN_SAMPLES if settings.min_samples == "auto" else (settings.min_samples,):
            for eps in eps_values:
                numbers = settings.model_copy(update={"eps": eps, "min_samples": samples})
                yield (candidate, numbers), [dbscan(graph, eps, samples) for graph in graphs]


def _jaccards(jaccard: JaccardSettings) -> list[JaccardSettings]:
    """The candidates of k1 and k2; k2 is determined by k1."""
    k1_values = AUTO_K1 if jaccard.k1 == "auto" else (jaccard.k1,)
    return [
        jaccard.model_copy(update={"k1": k1, "k2": _k2_of(k1) if jaccard.k2 == "auto" else jaccard.k2})
        for k1 in k1_values
    ]


def _k2_of(k1: int) -> int:
    """The k2 for the smallest candidate of k1 that is at least `k1`."""
    return next((k2 for known, k2 in zip(AUTO_K1, AUTO_K2, strict=True) if known >= k1), AUTO_K2[-1])


def _value(labels: Sequence[PseudoLabels]) -> float:
    partners = float(
        np.mean([1 + (half.sizes * (half.sizes - 1)).sum() / max(len(half), 1) for half in labels])
    )
    return _agreement(labels) * _clustered_share(labels) * partners**_PARTNERS_POWER


def _agreement(labels: Sequence[PseudoLabels]) -> float:
    from sklearn.metrics import adjusted_rand_score  # not at the top: every start of reseen would wait for it

    first, second = (half.outliers_as_singletons for half in labels)
    return float(adjusted_rand_score(first, second))


def _clustered_share(labels: Sequence[PseudoLabels]) -> float:
    return float(np.mean([1 - half.noise_share for half in labels]))


def _is_plausible(labels: Sequence[PseudoLabels]) -> bool:
    """Whether, for both halves, neither the outliers nor one cluster contain most of the crops."""
    for half in labels:
        sizes = half.sizes.astype(np.float64)
        pairs = sizes * (sizes - 1)
        if len(sizes) < 2 or half.noise_share > _MOST_OUTLIERS:
            return False
        if pairs.max() > max(_LARGEST_PAIRS, 1 / len(sizes) + _UNEVEN) * pairs.sum():
            return False
    return True


def _halves(features: Features, generator: np.random.Generator) -> list[Features]:
    """Two disjoint random halves of the dimensions, normalized again unless the features are raw."""
    order = torch.from_numpy(generator.permutation(features.vectors.shape[1]))
    parts = [features.vectors[:, part.sort().values] for part in order.tensor_split(2)]
    return [Features(part if features.raw else unit(part), features.raw) for part in parts]


def _sample(
    features: Features,
    jaccard: JaccardSettings,
    device: str,
    generator: np.random.Generator,
) -> Int64[np.ndarray, " m"] | None:
    """Up to 20,000 rows, sampled as whole neighborhoods of random rows; None for all rows."""
    if len(features) <= MOST_ROWS:
        return None
    width = max(candidate.columns for candidate in _jaccards(jaccard))
    neighbors = nearest(features, width, device)
    seeds = generator.permutation(len(features))[: MOST_ROWS // width]
    return np.unique(np.concatenate([seeds, neighbors.indices[seeds, :width].ravel()]))


CANDIDATES: tuple[float, ...] = tuple(round(float(eps), 2) for eps in np.arange(0.30, 0.701, 0.02))
"""Candidates for eps; one distance graph up to the largest is enough for all."""


@dataclass(frozen=True)
class EpsilonChoice:
    """A choice of eps, with the clustering statistics behind it."""

    eps: float
    """Jaccard distance, 0 to 1."""
    clusters: int
    """Number of clusters at this eps."""
    clustered_share: float
    """Fraction of images in a cluster, 0 to 1."""

    def __str__(self) -> str:
        return (
            f"eps auto chose {self.eps:.2f} of {CANDIDATES[0]:.2f} to {CANDIDATES[-1]:.2f}: "
            f"{self.clusters} clusters with {self.clustered_share:.0%} of the images"
        )


def choose_eps(
    distances: csr_array | Rows, min_samples: int, candidates: tuple[float, ...] = CANDIDATES
) -> EpsilonChoice:
    r"""The candidate eps that maximizes $clusters \times clustered\ share$; ties go to the largest eps.

    `distances` must contain every pair up to the largest candidate. If no candidate gives a cluster, the largest is
    returned with 0 clusters.

    Example:
        distances = jaccard_distance(features, neighbors, JaccardSettings(), threshold=0.7)
        eps = choose_eps(distances, min_samples=4).eps
    """
    choices = []
    for eps in candidates:
        labels = dbscan(distances, eps, min_samples)
        choices.append(EpsilonChoice(eps, labels.cluster_count, 1 - labels.noise_share))
    return max(choices, key=lambda choice: (choice.clusters * choice.clustered_share, choice.eps))
