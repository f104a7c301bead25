"""The picture of `benchmarks/calibration_regimes.py`: what is stated against what is true."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")

import numpy as np
from benchmarks.cases.svg import plain, write_svg
from matplotlib import pyplot

_MIXTURE, _FALSE, _MISSED = "#999999", "#b8651b", "#1f5fa8"
_LINES = {
    "mixture 0": ("a mixture, no answers", _MIXTURE),
    "viewer 100": ("100 answers", "#7fb3e0"),
    "viewer 200": ("200 answers", _MISSED),
}


def draw(record: dict, out: Path) -> None:
    """Write the figure: errors from similarities alone, errors from answers, reliability."""
    pyplot.rcParams.update(
        {"svg.hashsalt": "reseen", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}
    )
    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    rows = record["rows"]
    _errors(axes[0], [row for row in rows if row["way"] == "mixture"], "similarities alone (mixture)")
    chosen = [row for row in rows if row["way"] == "viewer" and row["answers"] == 200 and "stated" in row]
    _errors(axes[1], chosen, "200 answers, medium and high trust")
    _reliability(axes[2], record["reliability"])
    for axis in axes:
        axis.plot([0, 100], [0, 100], color="#888888", linewidth=1)
        axis.set(xlim=(-2, 102), ylim=(-2, 102))
        plain(axis)
    write_svg(figure, out)


def _errors(axis: pyplot.Axes, rows: list[dict], title: str) -> None:
    for place, color, name in ((0, _FALSE, "false matches"), (1, _MISSED, "missed")):
        stated = [100 * row["stated"][place] for row in rows]
        true = [100 * row["true"][place] for row in rows]
        axis.scatter(stated, true, s=12, color=color, alpha=0.6, linewidths=0, label=name)
    axis.fill_between([0, 100], [-5, 95], [5, 105], color="#888888", alpha=0.15, linewidth=0)
    axis.set(title=title, xlabel="stated, %", ylabel="true, %")
    axis.legend(frameon=False, fontsize=8, loc="upper left")


def _reliability(axis: pyplot.Axes, curves: dict) -> None:
    for name, (label, color) in _LINES.items():
        if name in curves:
            _, told, same = np.array(curves[name]).T
            axis.plot(
                100 * told, 100 * same, color=color, marker="o", markersize=4, linewidth=1.2, label=label
            )
    axis.set(title="search results", xlabel="told probability, %", ylabel="same person, %")
    axis.legend(frameon=False, fontsize=8, loc="upper left")
