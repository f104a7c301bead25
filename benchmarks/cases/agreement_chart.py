"""The picture of `benchmarks/audit_agreement.py`: what is said without labels against what is true."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")

import numpy as np
from matplotlib import pyplot


def draw(record: dict, out: Path) -> None:
    """Write the figure: runs, rounds, coverage."""
    pyplot.rcParams.update(
        {"svg.hashsalt": "reseen", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}
    )
    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.5), layout="constrained")
    runs, rounds = record["runs"], record["rounds"]
    _runs(axes[0], runs, record["over_runs"])
    _rounds(axes[1], rounds, record["over_rounds"])
    _coverage(axes[2], list(runs.values()))
    for axis in axes:
        axis.grid(color="#dddddd", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None})
    pyplot.close(figure)
    text = out.read_text(encoding="utf-8")
    out.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")


def _runs(axis: pyplot.Axes, runs: dict, summary: dict) -> None:
    arms = list(dict.fromkeys(_family(name) for name in runs))
    colors = pyplot.get_cmap("viridis")(np.linspace(0, 0.9, len(arms)))
    for arm, color in zip(arms, colors, strict=True):
        rows = [row for name, row in runs.items() if _family(name) == arm]
        axis.scatter(
            [row["score"] for row in rows], [100 * row["mAP"] for row in rows], color=[color], s=22, label=arm
        )
    value = summary["spearman"]["mAP"]["score"]
    axis.set(
        title=f"{len(runs)} runs: rank correlation {value:.2f}",
        xlabel="audit score, no labels",
        ylabel="true mAP, %",
    )
    axis.legend(frameon=False, fontsize=7, loc="upper left")


def _family(name: str) -> str:
    """The method of an arm: the ablations of one share a color."""
    arm = name.rpartition("-seed")[0]
    for family in ("no-training", "progressive", "sphere-contrast", "sphere-raw", "sphere", "no-cameras"):
        if arm.startswith(family):
            return family
    return "cluster-contrast, and its norms"


def _rounds(axis: pyplot.Axes, rounds: dict, summary: dict) -> None:
    colors = pyplot.get_cmap("viridis")(np.linspace(0, 0.8, max(len(rounds), 1)))
    for color, (name, rows) in zip(colors, rounds.items(), strict=False):
        known = [row for row in rows if row["score"] is not None]
        value = summary[name]["spearman"]
        axis.plot(
            [row["score"] for row in known], [row["adjusted_rand_index"] for row in known],
            color=color, marker="o", markersize=4, linewidth=1,
            label=f"{name.rpartition('-seed')[0]}: {'none' if value is None else f'{value:.2f}'}",
        )  # fmt: skip
        if known:
            axis.annotate("last", (known[-1]["score"], known[-1]["adjusted_rand_index"]), fontsize=7)
    axis.set(
        title="rounds of short trainings",
        xlabel="audit score of the round",
        ylabel="true adjusted Rand index",
    )
    if rounds:
        axis.legend(frameon=False, fontsize=7, title="rank correlation", title_fontsize=7)


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
