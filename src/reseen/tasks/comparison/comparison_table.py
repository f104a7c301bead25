"""A comparison for the terminal: a table of scores, and sentences."""

from rich.console import Group

from reseen.audit import verdict_lines
from reseen.evaluate.paired import PairedDifference
from reseen.tasks.comparison.compare import Comparison
from reseen.tasks.evaluation.tables import score_table


def comparison_table(comparison: Comparison) -> Group:
    """The scores of both sides with their difference; an empty group without labels."""
    if comparison.scores is None:
        return Group()
    names = comparison.first, comparison.second
    return score_table(dict(zip(names, comparison.scores, strict=True)))


def sentences(comparison: Comparison) -> list[str]:
    """The outcome in one sentence, and its evidence."""
    if comparison.paired is not None:
        return [paired_sentence(comparison.first, comparison.second, comparison.paired)]
    assert comparison.verdict is not None  # one of the two is there
    lines = verdict_lines(comparison.verdict, comparison.first, comparison.second)
    return [f"Compared without labels: {comparison.reason}", *lines]


def paired_sentence(first: str, second: str, paired: PairedDifference) -> str:
    """How the second side compares with the first, with the interval of the difference."""
    low, high = 100 * paired.interval.low, 100 * paired.interval.high
    words = {"better": "better than", "worse": "worse than", "no different": "no different from"}
    return (
        f"{second} is {words[paired.outcome]} {first}: mAP {100 * paired.mean_average_precision:+.1f} points, 95 % "
        f"interval {low:+.1f} to {high:+.1f} over people; {paired.share_better:.0%} of {paired.queries:,} queries are "
        f"better and {paired.share_worse:.0%} worse"
    )
