"""Draw how far the vector of each patch moves for each painted stripe of the crop.

python benchmarks/draw_locality.py --runs NAME,NAME --out docs/images/patch-locality.svg

From what `patch_locality.py` measured: one square per run, 0 where the vector stays and 100 where it is as far away as
that of another crop.
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")

import numpy as np
from matplotlib import pyplot

RECORD = Path(__file__).parent / "results" / "patch-locality.json"


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", required=True, help="names in the record, comma-separated")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--record", type=Path, default=RECORD)
    arguments = parser.parse_args()
    found = json.loads(arguments.record.read_text())["runs"]
    names = arguments.runs.split(",")
    if missing := [name for name in names if name not in found]:
        raise SystemExit(f"{arguments.record} has no run {', '.join(missing)}; it has {', '.join(found)}")
    matplotlib.rcParams["svg.hashsalt"] = "reseen"
    figure, axes = pyplot.subplots(1, len(names), figsize=(4.6 * len(names), 4.4), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        run = found[name]
        cosines = np.array(run["cosines, painted stripe by patch"])
        moved = 100 * (1 - cosines) / (1 - run["cosine, another crop"])
        axis.imshow(moved, cmap="Blues", vmin=0, vmax=75)
        for row, column in np.ndindex(*moved.shape):
            color = "white" if moved[row, column] > 40 else "black"
            weight = "bold" if row == column else "normal"
            words = f"{moved[row, column]:.0f}"
            axis.text(column, row, words, ha="center", va="center", color=color, weight=weight)
        axis.set_title(name)
        axis.set_xticks(range(len(moved)), [f"{at + 1}" for at in range(len(moved))])
        axis.set_yticks(range(len(moved)), [f"{at + 1}" for at in range(len(moved))])
        axis.set_xlabel("patch, from the head down")
        axis.set_ylabel("stripe of the crop that is painted over")
    figure.tight_layout()
    figure.savefig(arguments.out, metadata={"Date": None})


if __name__ == "__main__":
    main()
