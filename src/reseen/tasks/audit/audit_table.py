"""An audit in words and in a table, for a terminal."""

from rich.table import Table

from reseen.tasks.audit.audit import Audit


def audit_table(audit: Audit) -> Table:
    """What was measured, and what each number means."""
    quality, parts = audit.quality, audit.parts
    table = Table(box=None, header_style="bold", pad_edge=False, title_justify="left")
    table.add_column("without labels", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("what it means", style="dim")
    table.add_row(
        "audit score",
        _number(parts.score),
        "geometric mean of the three below, 0 to 1; compares runs on the same crops",
        style="bold",
    )
    table.add_row(
        "  stability", _number(parts.stability), "do other views of the crops cluster alike? 1 is alike"
    )
    table.add_row(
        "  compactness", _number(parts.compactness), "silhouette: own cluster nearer than the next, to 1"
    )
    table.add_row("  camera mixing", _number(parts.camera_mixing), _mixing(audit))
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


def sentences(audit: Audit) -> list[str]:
    """The threshold, how far to trust it, and what a person said."""
    said = []
    found = audit.calibration
    if found is not None:
        said += [
            f"\nSame person from similarity {found.threshold:.2f} on. Expected errors among {found.among}: "
            f"{found.false_match_rate:.1%} of those of two people lie above ({_interval(found.false_match_interval)}), "
            f"{found.miss_rate:.1%} of those of one person below ({_interval(found.miss_interval)}).",
            f"Trust: {found.trust}. From {'; '.join(found.sources)}: {found.reason}.",
        ]
    said += [f"\n{note[:1].upper()}{note[1:]}." for note in audit.notes]
    return said + _verified(audit)


def _verified(audit: Audit) -> list[str]:
    found = audit.verification
    if found is None:
        return []
    said = [f"\nBy {found.pairs + found.groups:,} sure answers ({found.unsure} unsure), with 95 % intervals:"]
    if found.precision is None or found.recall is None:
        said.append("  precision and recall: not yet, answer a few questions of every kind")
    else:
        said.append(f"  precision  {found.precision}: pairs in one cluster that are one person")
        said.append(
            f"  recall     {found.recall}: pairs of one person, of similarity {found.lowest:.2f} or more, that are in "
            "one cluster"
        )
    if found.whole_groups is not None:
        said.append(f"  clusters   {found.whole_groups}: up to six random crops are all one person")
    if not found.current:
        said.append("  These answers are on an earlier state of the run; write a new page with --verify.")
    elif found.other_sheets:
        said.append(f"  {found.other_sheets} answers on other states of the run are left out.")
    return said


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _interval(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f} %"


def _mixing(audit: Audit) -> str:
    if audit.parts.camera_mixing is None:
        return "cameras are not known: left out of the score"
    return "cameras within clusters over chance; 0: clusters are of cameras"


def _spreads(audit: Audit) -> str:
    if not audit.size_spreads:
        return "standard deviation over mean"
    shown = [f"{value:.2f}" for value in audit.size_spreads]
    rounds = " ".join(shown if len(shown) <= 6 else [*shown[:2], "...", *shown[-3:]])
    return f"standard deviation over mean; by round {rounds}"
