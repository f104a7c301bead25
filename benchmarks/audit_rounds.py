"""Short trainings whose rounds are compared with the truth by `benchmarks/audit_agreement.py --rounds`.

python benchmarks/audit_rounds.py --out runs/rounds [--data DIR --weights FILE]

On the drawn crowd: the demo's recipe for 12 rounds, and the same with a learning rate that is far too high. With
`--data`, also 7 rounds of 14 batches of cluster contrast on the pool of `market-mini`. Identities are noted beside the
run, from the file names, and never reach it.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.agreement import watcher
from benchmarks.protocols import PROTOCOLS

import reseen

CROWD = {
    "crowd-demo": ["--train.rounds", "12"],
    "crowd-hot": ["--train.rounds", "12", "--train.learning-rate", "0.02", "--train.schedule", "constant"],
}
MARKET = ["--train.rounds", "7", "--train.iterations", "14", "--train.mirrored-features", "false"]


def main() -> None:
    """Train what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="where run folders go")
    parser.add_argument("--data", type=Path, help="folder in the Market-1501 layout")
    parser.add_argument("--weights", default="hub", help="safetensors file of the backbone, or 'hub'")
    arguments = parser.parse_args()
    crowd = arguments.out.parent / "crowd"
    reseen.draw_crowd(crowd, people=60, cameras=6, seed=0)
    for name, flags in CROWD.items():
        train(reseen.load_recipe("demo", flags), reseen.read_training(crowd), arguments.out / f"{name}-seed0")
    if arguments.data is not None:
        protocol = PROTOCOLS["market-mini"]
        recipe = reseen.load_recipe(protocol.recipe, ["--model.weights", arguments.weights, *MARKET])
        train(recipe, protocol.training(arguments.data), arguments.out / "market-mini-seed0")


def train(recipe: reseen.Recipe, table: reseen.ImageTable, folder: Path) -> None:
    """One training, with the truth of every round beside it."""
    reseen.train(recipe, table, folder, resume=True, on_clusters=watcher(folder, table))


if __name__ == "__main__":
    main()
