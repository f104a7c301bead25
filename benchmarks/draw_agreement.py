"""Draw how clusters agree with people, round by round, for some arms of a protocol.

python benchmarks/draw_agreement.py --protocol market-mini --arms A,B,C --out docs/images/NAME.svg

One panel per number, one line per arm: the mean over the seeds in `benchmarks/results/`, a band from the lowest to the
highest where there is more than one.
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")

import numpy as np
from matplotlib import pyplot

RESULTS = Path(__file__).parent / "results"
PANELS = {
    "purity": "purity",
    "normalized_mutual_information": "NMI",
    "adjusted_rand_index": "ARI",
    "size_spread": "spread of sizes / mean size",
    "largest": "crops in the largest cluster",
}


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--protocol", required=True)
    parser.add_argument("--arms", required=True, help="names, comma-separated")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    arms = {
        name: rounds_of(arguments.results, arguments.protocol, name) for name in arguments.arms.split(",")
    }
    draw(arms, arguments.out)


def rounds_of(results: Path, protocol: str, arm: str) -> list[list[dict[str, float]]]:
    """The rounds of every seed of an arm."""
    files = sorted(results.glob(f"{protocol}--{arm}--seed*.json"))
    if not files:
        raise SystemExit(
            f"{results} holds no run of {protocol}, arm {arm}; make it with benchmarks/accuracy.py"
        )
    return [json.loads(file.read_text())["agreement"] for file in files]


def draw(arms: dict[str, list[list[dict[str, float]]]], out: Path) -> None:
    """Write the figure."""
    pyplot.rcParams.update(
        {"svg.hashsalt": "reseen", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}
    )
    figure, axes = pyplot.subplots(1, len(PANELS), figsize=(3 * len(PANELS), 2.9), layout="constrained")
    colors = pyplot.get_cmap("viridis")(np.linspace(0, 0.9, len(arms)))
    for axis, (key, title) in zip(axes, PANELS.items(), strict=True):
        for color, (name, seeds) in zip(colors, arms.items(), strict=True):
            numbers = [line["round"] for line in seeds[0]]
            values = np.array([[line[key] for line in rounds] for rounds in seeds])
            axis.plot(numbers, values.mean(axis=0), color=color, marker="o", markersize=3, label=name)
            if len(seeds) > 1:
                axis.fill_between(
                    numbers, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15, lw=0
                )
        axis.set(title=title, xlabel="round", xticks=numbers)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.3)
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(arms), frameon=False
    )
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main()
