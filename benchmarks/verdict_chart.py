"""The picture of `benchmarks/verdict_regimes.py`: verdicts without labels against true changes."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")

from benchmarks.cases.svg import plain, write_svg
from matplotlib import pyplot

_COLORS = {"better": "#1b7837", "no different": "#999999", "cannot say": "#e0a030", "worse": "#b2182b"}
_TITLES = {
    ("encoder", "tracklets"): "encoders, by views and tracklets",
    ("encoder", "views"): "encoders, by views alone",
    ("adapter", "tracklets"): "adapters, by views and tracklets",
    ("adapter", "views"): "adapters, by views alone",
}


def draw(runs: dict[str, dict], out: Path) -> None:
    """Write the figure: a point for every round, by the change of the score and that of true mAP."""
    pyplot.rcParams.update(
        {"svg.hashsalt": "reseen", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}
    )
    kinds = sorted({run["kind"] for run in runs.values()}, reverse=True)
    panels = [(kind, evidence) for kind in kinds for evidence in ("tracklets", "views")]
    figure, axes = pyplot.subplots(1, len(panels), figsize=(3.5 * len(panels), 3.5), layout="constrained")
    for axis, panel in zip(axes, panels, strict=True):
        _panel(axis, [run for run in runs.values() if run["kind"] == panel[0]], panel[1])
        axis.set(title=_TITLES[panel], xlabel="change of the score, no labels")
        plain(axis)
    axes[0].set_ylabel("change of true mAP, points")
    axes[0].legend(frameon=False, fontsize=7)
    write_svg(figure, out)


def _panel(axis: pyplot.Axes, runs: list[dict], evidence: str) -> None:
    for outcome, color in _COLORS.items():
        points = [
            (row[evidence]["after"] - row[evidence]["before"], 100 * (row["map"] - run["rounds"][0]["map"]))
            for run in runs
            for row in run["rounds"][1:]
            if row[evidence]["outcome"] == outcome
        ]
        if points:
            axis.scatter(*zip(*points, strict=True), color=color, s=14, label=outcome)
    axis.axhline(0, color="#777777", linewidth=0.8)
    axis.axvline(0, color="#777777", linewidth=0.8)
