"""An audit as a table and as sentences for the terminal."""

from rich.table import Table

from reseen.audit import Calibration, verdict_lines
from reseen.tasks.audit.audit import Audit


def audit_table(audit: Audit) -> Table:
    """A table of the metrics of an audit, with a short explanation of each."""
    quality, health = audit.quality, audit.health
    table = Table(box=None, header_style="bold", pad_edge=False, title_justify="left")
    table.add_column("without labels", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("meaning", style="dim")
    table.add_row(
        "audit score",
        _number(audit.score),
        "how well crops are found by other views of them; comparable between runs on the same crops",
        style="bold",
    )
    table.add_row(
        "stability", _number(audit.stability), "adjusted Rand index with augmented views; 1: same clusters"
    )
    table.add_row(
        "compactness", _number(health.compactness), "mean silhouette; 1: compact, well separated clusters"
    )
    table.add_row("camera mixing", _number(health.camera_mixing), _mixing(audit))
    table.add_row(
        "clusters", f"{quality.clusters:,}", f"of {audit.crops:,} crops, {quality.noise_share:.0%} in none"
    )
    table.add_row(
        "largest",
        f"{quality.largest:,}",
        f"crops; median {quality.median_size:g}, smallest {quality.smallest}",
    )
    table.add_row("spread of sizes", f"{quality.size_spread:.2f}", _spreads(audit))
    return table


def verdict_sentences(audit: Audit) -> list[str]:
    """How the run compares with its baseline, and the alarms of its clusters: what an audit begins with."""
    name = audit.run.resolve().name
    if audit.verdict is None or audit.baseline is None:
        lines = [
            "Nothing to compare with: the run is untrained, or of an early version that kept no starting weights."
        ]
    else:
        lines = verdict_lines(audit.verdict, audit.baseline, name)
    return [*lines, *(f"Warning: {alarm}." for alarm in audit.health.alarms)]


def sentences(audit: Audit) -> list[str]:
    """Sentences on random pairs, on the threshold and its reliability, and on precision and recall from answers."""
    return _random_pair_lines(audit) + _threshold_lines(audit.calibration) + _verification_lines(audit)


def _random_pair_lines(audit: Audit) -> list[str]:
    return [
        f"{'' if place else chr(10)}1 in {1 / rarity.share:,.0f} random pairs of these crops has a similarity of "
        f"{rarity.similarity:.3f} or more"
        + (
            "."
            if rarity.frame_share is None
            else f", and {rarity.frame_share:.2%} of the pairs of one frame, who are different people."
        )
        for place, rarity in enumerate(audit.random_pairs)
    ]


def _threshold_lines(calibration: Calibration | None) -> list[str]:
    if calibration is None:
        return [
            "\nNo threshold and no probabilities: how many similar pairs show one person cannot be told without "
            "answers. Answer questions in `reseen view`, or write a page with --verify."
        ]
    lines = [f"\nTrust: {calibration.trust}; {calibration.reason}."]
    if not calibration.trusted:
        return [
            *lines,
            f"No threshold and no probabilities yet: about {calibration.further:,} more answers are needed.",
        ]
    false, missed = calibration.false_interval, calibration.missed_interval
    if calibration.threshold is None or false is None or missed is None:
        return [*lines, "Probabilities, but no threshold; allow more errors with --false-matches."]
    return [
        *lines,
        f"Same person from similarity {calibration.threshold:.3f}: of the pairs at or above it, "
        f"{calibration.false_share:.1%} show different people ({_interval(false)}); of the pairs of one person of "
        f"similarity {calibration.lowest:.3f} or more, {calibration.missed_share:.1%} are below it "
        f"({_interval(missed)}).",
    ]


def _verification_lines(audit: Audit) -> list[str]:
    result = audit.verification
    if result is None:
        return []
    lines = [
        f"\nFrom {result.pairs + result.groups:,} sure answers ({result.unsure} unsure), with 95 % intervals:"
    ]
    if result.precision is None or result.recall is None:
        lines.append("  precision and recall: unknown until some questions of every kind are answered")
    else:
        lines.append(f"  precision  {result.precision}: pairs in one cluster that show one person")
        lines.append(
            f"  recall     {result.recall}: pairs of one person, of similarity {result.lowest:.2f} or more, that are "
            "in one cluster"
        )
    if result.whole_groups is not None:
        lines.append(f"  clusters   {result.whole_groups}: up to six random crops all show one person")
    if not result.current:
        lines.append("  These answers belong to an earlier state of the run; write a new page with --verify.")
    elif result.other_sheets:
        lines.append(f"  {result.other_sheets} answers on other states of the run are ignored.")
    return lines


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _interval(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f} %"


def _mixing(audit: Audit) -> str:
    if audit.health.camera_mixing is None:
        return "cameras are unknown"
    return "entropy of cameras over chance; 0: every cluster has one camera"


def _spreads(audit: Audit) -> str:
    if not audit.size_spreads:
        return "standard deviation over mean"
    shown = [f"{value:.2f}" for value in audit.size_spreads]
    rounds = " ".join(shown if len(shown) <= 6 else [*shown[:2], "...", *shown[-3:]])
    return f"standard deviation over mean; by round {rounds}"
