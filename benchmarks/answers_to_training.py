"""What answers give back to training: held-out mAP after training with 0, 50, 200 and 500 answers.

python benchmarks/answers_to_training.py --protocol market-mini-validation --data DIR --weights FILE --seeds 0,1

For each seed, a run is trained without answers; identities answer the questions that the viewer would ask about it, one
after the other; then the same recipe is trained again from its start with the first answers as constraints
(`data.constraints`). One JSON per seed and number of answers, resumable. `--table` prints what is there.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, before torch is loaded

from benchmarks.accuracy import RESULTS, commit, shareable, trim
from benchmarks.calibration_regimes import asked_in_viewer
from benchmarks.people import identities_of
from benchmarks.protocols import PROTOCOLS, Protocol

import reseen
from reseen import ImageTable, Run
from reseen.audit import Answer, plan_pool, write_answers
from reseen.data.crops import open_crops
from reseen.environment import hardware, versions
from reseen.features.extract import extract
from reseen.files import write_text
from reseen.geometry import unit
from reseen.records import Features
from reseen.runs.recipe import Recipe, load_recipe
from reseen.tasks.audit.audit import recluster_with_run
from reseen.tasks.evaluation.score import retrieve

DEVICE = torch.device("cpu")


def main() -> None:
    """Run what is missing, then print the table."""
    arguments = parse()
    protocol = PROTOCOLS[arguments.protocol]
    if not arguments.table:
        for seed in arguments.seeds:
            run_seed(protocol, seed, arguments)
    print_table(protocol, arguments)


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), default="market-mini-validation")
    parser.add_argument("--arm", default="cluster-contrast")
    parser.add_argument("--answers", type=numbers, default=[0, 50, 200, 500])
    parser.add_argument("--seeds", type=numbers, default=[0, 1])
    parser.add_argument("--data", type=Path, help="folder in the Market-1501 layout")
    parser.add_argument("--weights", default="hub", help="safetensors file of the backbone, or 'hub'")
    parser.add_argument("--runs", type=Path, default=Path("runs/answers"), help="where run folders go")
    parser.add_argument("--results", type=Path, default=RESULTS / "answers")
    parser.add_argument("--table", action="store_true", help="only print the table")
    arguments = parser.parse_args()
    if arguments.data is None and not arguments.table:
        parser.error("--data is needed to run")
    return arguments


def run_seed(protocol: Protocol, seed: int, arguments: argparse.Namespace) -> None:
    """Train without answers, ask, and train with answers."""
    arm = protocol.arm(arguments.arm)
    flags = ["--model.weights", str(arguments.weights), "--seed", str(seed), *arm.flags]
    recipe = load_recipe(arm.recipe or protocol.recipe, flags)
    pool = protocol.training(arguments.data)
    folder = arguments.runs / protocol.name / f"{arm.name}-seed{seed}"
    plain = train_and_score(recipe, 0, folder / "answers0", pool, protocol, seed, arguments)
    answers: list[Answer] = []
    for count in sorted(set(arguments.answers) - {0}):
        file = folder / f"answers{count}.csv"
        if not file.is_file():
            answers = answers or answer_questions(plain, pool, max(arguments.answers))
            write_answers(file, answers[:count])
        constrained = recipe.model_copy(update={"data": recipe.data.model_copy(update={"constraints": file})})
        train_and_score(constrained, count, folder / f"answers{count}", pool, protocol, seed, arguments)


def answer_questions(run: Run, table: ImageTable, count: int) -> list[Answer]:
    """Answers of somebody who knows everybody, to the questions that the viewer asks about a run, in its order."""
    encoder = run.encoder()
    crops = open_crops(table, run.reading, encoder.height, encoder.width)
    extracted = extract(encoder, crops, DEVICE)
    labels = recluster_with_run(run, encoder, crops, DEVICE)(extracted).labels
    features = Features(unit(extracted.vectors))
    people = identities_of(table)
    pool = plan_pool(features, labels)
    same = people[pool.first] == people[pool.second]
    cameras = table.cameras.astype(np.int64)
    rows = asked_in_viewer(pool, same, cameras, labels, count)
    return [
        Answer(
            "benchmark",
            "question",
            "same" if same[row] else "different",
            (table.texts[pool.first[row]], table.texts[pool.second[row]]),
        )
        for row in rows
    ]


def train_and_score(
    recipe: Recipe,
    count: int,
    folder: Path,
    pool: ImageTable,
    protocol: Protocol,
    seed: int,
    arguments: argparse.Namespace,
) -> Run:
    """A finished run, and its JSON."""
    run = reseen.train(recipe, pool, folder, resume=True)
    target = result_file(protocol, arguments.arm, count, seed, arguments.results)
    if not target.is_file():
        data = recipe.data.model_copy(update={"constraints": None})
        record = {
            "protocol": protocol.name,
            "arm": arguments.arm,
            "answers": count,
            "seed": seed,
            "score": retrieve(run, protocol.benchmark(arguments.data)).score().to_json(),
            "rounds": [trim(row) for row in run.log],
            "recipe": shareable(recipe.model_copy(update={"data": data}), str(arguments.weights)),
            "command": f"python benchmarks/answers_to_training.py --protocol {protocol.name} --data MARKET --weights "
            f"{Path(str(arguments.weights)).name} --seeds {seed}",
            "commit": commit(),
            "versions": versions(),
            "hardware": hardware(),
        }
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, json.dumps(record, indent=1) + "\n")
        print(f"{target.stem}: mAP {record['score']['mAP']:.1%}", flush=True)
    return run


def result_file(protocol: Protocol, arm: str, count: int, seed: int, results: Path) -> Path:
    """The JSON of one run."""
    return results / f"{protocol.name}--{arm}--answers{count}--seed{seed}.json"


def print_table(protocol: Protocol, arguments: argparse.Namespace) -> None:
    """Held-out mAP by number of answers."""
    print("| Answers | " + " | ".join(f"seed {seed}" for seed in arguments.seeds) + " |")
    print("|---" * (len(arguments.seeds) + 1) + "|")
    for count in arguments.answers:
        files = [
            result_file(protocol, arguments.arm, count, seed, arguments.results) for seed in arguments.seeds
        ]
        cells = [
            f"{100 * json.loads(file.read_text())['score']['mAP']:.1f}" if file.is_file() else ""
            for file in files
        ]
        print(f"| {count} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
