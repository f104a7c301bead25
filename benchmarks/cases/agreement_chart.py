"""The picture of `benchmarks/audit_agreement.py`: what an audit expects against what is true."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")

import numpy as np
from matplotlib import pyplot


def draw(record: dict, out: Path) -> None:
    """Write the figure: expected errors, and coverage of the intervals."""
    pyplot.rcParams.update(
        {"svg.hashsalt": "reseen", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}
    )
    figure, axes = pyplot.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
    runs = list(record["runs"].values())
    _errors(axes[0], runs)
    _coverage(axes[1], runs)
    for axis in axes:
        axis.grid(color="#dddddd", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None})
    pyplot.close(figure)
    text = out.read_text(encoding="utf-8")
    out.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")


def _errors(axis: pyplot.Axes, rows: list[dict]) -> None:
    for color, key, name in (
        ("#1f5fa8", "miss_rate", "misses"),
        ("#b8651b", "false_match_rate", "false matches"),
    ):
        pairs = [(row["calibration"]["expected"][key], row["calibration"]["true"][key]) for row in rows]
        axis.scatter(*(100 * np.array(pairs).T), s=22, color=color, label=name)
    top = axis.get_ylim()[1]
    axis.plot([0, top], [0, top], color="#888888", linewidth=1)
    axis.set(
        title="errors at the threshold, near pairs", xlabel="expected from a mixture, %", ylabel="true, %"
    )
    axis.legend(frameon=False, fontsize=8)


def _coverage(axis: pyplot.Axes, rows: list[dict]) -> None:
    for color, key in (("#1f5fa8", "precision"), ("#b8651b", "recall")):
        found = [(100 * row["sheets"][key]["true"], 100 * row["sheets"][key]["coverage"]) for row in rows]
        axis.scatter(*np.array(found).T, s=22, color=color, label=key)
    axis.axhline(95, color="#888888", linewidth=1)
    axis.set(
        title="180 answers: intervals of 95 %",
        xlabel="true value, %",
        ylabel="hold the truth, % of 1,000 sheets",
    )
    axis.set_ylim(88, 100.5)
    axis.legend(frameon=False, fontsize=8)
