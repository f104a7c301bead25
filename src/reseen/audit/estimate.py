r"""Precision and recall of a clustering, with confidence intervals, from a stratified sample of answers.

With $N_h$ pairs and a proportion $p_h$ of positive ones in stratum h, the sums $\sum N_h \hat p_h$ are unbiased. Their
limits combine the limits of the proportions (MOVER); those of recall are limits of a ratio of two independent sums.
Precision uses Jeffreys intervals of the proportions. Recall uses exact ones, since it depends on large strata with
hardly any positive pair: with Wilson intervals, the coverage of 95 % intervals fell to 91 % in simulations.

References: Zou and Donner 2008, "Construction of confidence limits about effect measures"; Donner and Zou 2012,
"Closed-form confidence intervals for functions of the normal mean and standard deviation" (the ratio); Brown et al.
2001, "Interval estimation for a binomial proportion" (Jeffreys; Clopper and Pearson).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from scipy.stats import beta

from reseen.audit.strata import Stratum


@dataclass(frozen=True)
class ProportionEstimate:
    """An estimated proportion with its confidence interval, all 0 to 1."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """The estimate as text, such as `83 % (75 to 89)`."""
        return f"{self.value:.0%} ({100 * self.low:.0f} to {100 * self.high:.0f})".replace("%", " %")


@dataclass(frozen=True)
class Tally:
    """Counts of the answers `same` and `different` in one stratum; `unsure` is not counted."""

    stratum: Stratum
    same: int
    different: int

    @property
    def answers(self) -> int:
        """Number of answers."""
        return self.same + self.different


def proportion(
    positives: int, total: int, exact: bool = False, confidence: float = 0.95
) -> ProportionEstimate:
    """A proportion from a simple random sample, with a Jeffreys or, if `exact`, a Clopper-Pearson interval.

    The exact interval has at least the nominal coverage. The interval starts at 0 without positives, and ends at 1
    without negatives. An empty sample gives 0.5 with the interval 0 to 1.

    Example:
        >>> str(proportion(83, 100))
        '83 % (75 to 89)'
    """
    if not total:
        return ProportionEstimate(0.5, 0.0, 1.0)
    tail, negatives = (1 - confidence) / 2, total - positives
    below, above = (0.0, 1.0) if exact else (0.5, 0.5)
    low = float(beta.ppf(tail, positives + below, negatives + above)) if positives else 0.0
    high = float(beta.ppf(1 - tail, positives + above, negatives + below)) if negatives else 1.0
    return ProportionEstimate(positives / total, low, high)


def precision(tallies: Sequence[Tally], confidence: float = 0.95) -> ProportionEstimate | None:
    """Pairwise precision: the share of same-cluster pairs that show one person; None if a stratum has no answer."""
    inside = [tally for tally in tallies if tally.stratum.together]
    if not inside or any(not tally.answers for tally in inside):
        return None
    positives, low, high = _positive_pairs(inside, False, confidence)
    total = sum(tally.stratum.pairs for tally in inside)
    return ProportionEstimate(positives / total, low / total, high / total)


def recall(tallies: Sequence[Tally], confidence: float = 0.95) -> ProportionEstimate | None:
    """Pairwise recall: the share of the strata's pairs of one person that are in one cluster; None as `precision`."""
    if any(not tally.answers for tally in tallies) or not any(tally.stratum.together for tally in tallies):
        return None
    found = _positive_pairs([tally for tally in tallies if tally.stratum.together], True, confidence)
    lost = _positive_pairs([tally for tally in tallies if not tally.stratum.together], True, confidence)
    if not found[0]:
        return ProportionEstimate(0.0, 0.0, 1.0 if not lost[0] else found[2] / (found[2] + lost[0]))
    low, high = _ratio(lost, found)
    return ProportionEstimate(found[0] / (found[0] + lost[0]), 1 / (1 + high), 1 / (1 + low))


def _positive_pairs(tallies: Sequence[Tally], exact: bool, confidence: float) -> tuple[float, float, float]:
    """Estimated number of pairs of one person, with limits: the root of the strata's summed squared half-widths."""
    value, below, above = 0.0, 0.0, 0.0
    for tally in tallies:
        estimate = proportion(tally.same, tally.answers, exact, confidence)
        value += tally.stratum.pairs * estimate.value
        below += (tally.stratum.pairs * (estimate.value - estimate.low)) ** 2
        above += (tally.stratum.pairs * (estimate.high - estimate.value)) ** 2
    total = sum(tally.stratum.pairs for tally in tallies)
    return value, max(value - sqrt(below), 0.0), min(value + sqrt(above), total)


def _ratio(top: tuple[float, float, float], bottom: tuple[float, float, float]) -> tuple[float, float]:
    """Limits of `top / bottom`; the upper one is infinite if the bottom may be zero."""
    (a, a_low, a_high), (b, b_low, b_high) = top, bottom
    product = a * b
    root = max(product**2 - a_low * b_high * (2 * a - a_low) * (2 * b - b_high), 0.0)
    under = b_high * (2 * b - b_high)
    low = (product - sqrt(root)) / under if under > 0 else a_low / b_high
    root = max(product**2 - a_high * b_low * (2 * a - a_high) * (2 * b - b_low), 0.0)
    under = b_low * (2 * b - b_low)
    return max(low, 0.0), (product + sqrt(root)) / under if under > 0 else float("inf")
