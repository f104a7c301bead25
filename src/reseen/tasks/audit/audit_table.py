"""An audit as a table and as sentences for the terminal."""

from rich.table import Table

from reseen.audit import verdict_lines
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
    """Sentences on the threshold and its reliability, the notes, and precision and recall from answers."""
    lines = []
    calibration = audit.calibration
    if calibration is not None:
        false_matches = _interval(calibration.false_match_interval)
        lines += [
            f"\nSame person from similarity {calibration.threshold:.2f}. Expected errors among {calibration.among}: "
            f"{calibration.false_match_rate:.1%} false matches ({false_matches}) and {calibration.miss_rate:.1%} "
            f"misses ({_interval(calibration.miss_interval)}).",
            f"Trust: {calibration.trust}. From {'; '.join(calibration.sources)}: {calibration.reason}.",
        ]
    lines += [f"\n{note[:1].upper()}{note[1:]}." for note in audit.notes]
    return lines + _verification_lines(audit)


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
