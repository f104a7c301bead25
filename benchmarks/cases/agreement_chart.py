"""The picture of `benchmarks/audit_agreement.py`: what an audit expects against what is true."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")

import numpy as np
from benchmarks.cases.svg import plain, write_svg
from matplotlib import pyplot


def draw(record: dict, out: Path) -> None:
    """Write the figure: coverage of the intervals."""
    pyplot.rcParams.update(
        {"svg.hashsalt": "reseen", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}
    )
    figure, axis = pyplot.subplots(figsize=(3.7, 3.5), layout="constrained")
    _coverage(axis, list(record["runs"].values()))
    axes = [axis]
    for axis in axes:
        plain(axis)
    write_svg(figure, out)


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
