"""Train every method on drawn people with several numbers of processes, and say how far the results are apart.

python benchmarks/many_processes.py [--processes 1 2 4] [--methods sphere maskpre] [--rounds 2] [--iterations 10]

The first number of processes is what the others are held against. To read the differences by, the same is trained once
more with another number of threads, which also rounds in another order. Seconds are those of the log: features and
batches, without clustering and without starting processes. Writes `benchmarks/results/many-processes.json`.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, before torch is loaded

from benchmarks.cases.machine import describe

import reseen
from reseen.config import merge, parse_flags
from reseen.data.labels import write_labels
from reseen.datasets import read_splits
from reseen.files import write_text
from reseen.methods import METHODS
from reseen.records import PseudoLabels
from reseen.runs.recipe import Recipe
from reseen.runs.run import Run

RESULT = Path(__file__).parent / "results" / "many-processes.json"
PEOPLE, CAMERAS, HEIGHT, WIDTH = 40, 4, 96, 48
FLAGS = [
    "--model.backbone", "test_byobnet", "--model.weights", "none", "--model.norm-group", "16",
    "--method.sampler.clusters-per-batch", "16", "--method.sampler.images-per-cluster", "4",
    "--method.clustering.jaccard.k1", "15", "--method.clustering.jaccard.k2", "4", "--method.clustering.eps", "auto",
    "--train.device", "cpu", "--train.learning-rate", "1e-4",
]  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "maskpre": {"method": {"mask": {"block": 2, "ramp": 0}}},
    "global-patch": {
        "model": {"patches": {"count": 3, "dimension": 32}},
        "method": {"sampler": {"clusters_per_batch": 64, "images_per_cluster": 1}, "warmup": 0},
    },
    "progressive": {"method": {"rounds_before_merging": 1}},
}


@dataclass(frozen=True)
class Outcome:
    """What a training came to."""

    run: Run
    labels: dict[int, np.ndarray]
    features: np.ndarray

    @property
    def seconds(self) -> dict[str, float]:
        """By part of the work, over all rounds."""
        parts = ("extract_seconds", "cluster_seconds", "train_seconds")
        return {part: round(sum(row[part] for row in self.run.log), 3) for part in parts}


def main() -> None:
    """Train what is asked for and write the file."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        crowd = Path(folder) / "crowd"
        reseen.draw_crowd(crowd, people=PEOPLE, cameras=CAMERAS, height=HEIGHT, width=WIDTH, seed=0)
        methods = {name: compare(name, crowd, Path(folder), arguments) for name in arguments.methods}
    record = {
        "people": PEOPLE,
        "rounds": arguments.rounds,
        "iterations": arguments.iterations,
        "methods": methods,
        "command": " ".join(["python", *sys.argv]),
        **describe(Path(__file__).resolve().parents[1], threads()),
    }
    write_text(arguments.out, json.dumps(record, indent=1) + "\n")
    print(f"written to {arguments.out}")


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=10, help="batches of 64 crops per round")
    parser.add_argument("--out", type=Path, default=RESULT)
    return parser.parse_args()


def compare(name: str, crowd: Path, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """A method with every number of processes, against the first number."""
    recipe = recipe_of(name, crowd, folder, arguments)
    first, *others = arguments.processes
    held = train(recipe, crowd, folder / f"{name}-{first}", first)
    found: dict[str, Any] = {"against": first, "seconds": {str(first): held.seconds}, "apart": {}}
    for count in others:
        outcome = train(recipe, crowd, folder / f"{name}-{count}", count)
        found["seconds"][str(count)] = outcome.seconds
        found["apart"][str(count)] = apart(held, outcome)
    with other_threads():
        outcome = train(recipe, crowd, folder / f"{name}-threads", first)
    found["apart"]["other threads"] = apart(held, outcome)
    for what, numbers in found["apart"].items():
        print(f"{name}, {what}: {numbers}, {found['seconds'].get(what, '')}")
    return found


def recipe_of(name: str, crowd: Path, folder: Path, arguments: argparse.Namespace) -> Recipe:
    """The recipe; settings that the method does not have are left out."""
    more = [
        f"--data.height={HEIGHT}", f"--data.width={WIDTH}", f"--train.rounds={arguments.rounds}",
        f"--train.iterations={arguments.iterations}", f"--method.name={name}",
    ]  # fmt: skip
    values = merge(parse_flags([*FLAGS, *more]), OWN.get(name, {}))
    known = METHODS[name].settings.model_fields
    values["method"] = {key: value for key, value in values["method"].items() if key in known}
    if METHODS[name].method.takes_labels:
        labels = folder / "labels.csv"
        write_labels(labels, read_splits(crowd, names=("train",))["train"])
        values["data"]["labels"] = str(labels)
    return Recipe.parse(values, name)


def train(recipe: Recipe, crowd: Path, out: Path, processes: int) -> Outcome:
    """A run, and what is compared of it."""
    labels: dict[int, np.ndarray] = {}

    def note(number: int, found: PseudoLabels) -> None:
        labels[number] = found.labels

    run = reseen.train(recipe, crowd, out, devices=processes, quiet=True, on_clusters=note)
    vectors = reseen.embed(run, crowd, out / "vectors.parquet", quiet=True)
    return Outcome(run, labels, np.stack(list(rows(vectors))))


def rows(file: Path) -> Sequence[np.ndarray]:
    """The vectors of a file that `embed` wrote."""
    import pyarrow.parquet as pq

    return pq.read_table(file)["vector"].to_numpy()


def apart(one: Outcome, other: Outcome) -> dict[str, float]:
    """Largest differences: crops with another label in a round, losses relative to themselves, numbers of features."""
    labels = [int((one.labels[number] != other.labels[number]).sum()) for number in one.labels]
    losses = [
        abs(row["losses"][term] - again["losses"][term]) / max(1.0, abs(row["losses"][term]))
        for row, again in zip(one.run.log, other.run.log, strict=True)
        for term in row["losses"]
    ]
    features = float(np.abs(one.features - other.features).max())
    return {"labels": max(labels), "losses": max(losses), "features": features}


def threads() -> int:
    """Threads of torch now."""
    import torch

    return torch.get_num_threads()


@contextmanager
def other_threads() -> Any:
    """One thread, or two where there is one already."""
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(1 if usual > 1 else 2)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


if __name__ == "__main__":
    main()
