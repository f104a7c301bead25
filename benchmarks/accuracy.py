"""Train and score arms of a protocol over seeds; one JSON per run, resumable.

python benchmarks/accuracy.py --protocol market-mini --data DIR --weights FILE --arms no-training,norm-16 --seeds 0,1,2

A run whose JSON is there is skipped, or scored for what its JSON lacks where the run is still there too; one that was
stopped goes on from its last round. `--table` prints what is there. Nothing is chosen with identities: the last round
is scored, once.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, before torch is loaded

from benchmarks.agreement import noted, watcher
from benchmarks.arm_table import print_table
from benchmarks.ceiling import knowing_people
from benchmarks.protocols import PROTOCOLS, Arm, Protocol

import reseen
from reseen.data.occlusion import Occlusion
from reseen.environment import hardware, versions
from reseen.evaluate import RetrievalTask, score
from reseen.files import write_text
from reseen.geometry import unit
from reseen.records import Features
from reseen.runs.checkpoint import CHECKPOINT
from reseen.runs.recipe import Recipe, load_recipe
from reseen.runs.run import Run, open_run
from reseen.tasks.evaluation.retrieval import Retrieval
from reseen.tasks.evaluation.score import Benchmark, retrieve

OCCLUSIONS = (Occlusion(share=0.3), Occlusion(half="upper"))
_SAME = 1e-4
"""Difference of two mAP that are the same but for rounding."""
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run what is missing, then print the table."""
    arguments = parse()
    protocol = PROTOCOLS[arguments.protocol]
    arms = (
        [protocol.arm(name) for name in arguments.arms.split(",")] if arguments.arms else list(protocol.arms)
    )
    if not arguments.table:
        for seed in [int(seed) for seed in arguments.seeds.split(",")]:
            for arm in arms:
                run_arm(protocol, arm, seed, arguments)
    print_table(protocol, arms, arguments.results, arguments.markdown)


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), required=True)
    parser.add_argument("--arms", default="", help="names, comma-separated; all when not given")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--data", type=Path, help="folder in the Market-1501 layout")
    parser.add_argument("--weights", default="hub", help="safetensors file of the backbone, or 'hub'")
    parser.add_argument("--runs", type=Path, default=Path("runs/accuracy"), help="where run folders go")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--recipe", type=Path, help="another recipe than the protocol's, for tuning")
    parser.add_argument("--table", action="store_true", help="only print the table")
    parser.add_argument("--markdown", action="store_true", help="the table in Markdown")
    arguments = parser.parse_args()
    if arguments.data is None and not arguments.table:
        parser.error("--data is needed to run arms")
    if arguments.recipe is not None and arguments.results == RESULTS:
        parser.error("--recipe is for tuning: give --results a folder of its own")
    return arguments


def run_arm(protocol: Protocol, arm: Arm, seed: int, arguments: argparse.Namespace) -> None:
    """Train and score one arm with one seed, unless its JSON is there."""
    target = arguments.results / f"{protocol.name}--{arm.name}--seed{seed}.json"
    flags = ["--model.weights", str(arguments.weights), "--seed", str(seed), *arm.flags]
    recipe = load_recipe(arguments.recipe or arm.recipe or protocol.recipe, flags)
    settings = shareable(recipe, str(arguments.weights))
    folder = arguments.runs / protocol.name / f"{arm.name}-seed{seed}"
    if target.is_file():
        record = json.loads(target.read_text())  # settings that came later had their defaults
        recorded, now = Recipe.parse(record["recipe"], target.name), Recipe.parse(settings, "now")
        if recorded.effective() != now.effective():
            raise SystemExit(
                f"{target}: was made with other settings; delete it, or write to other --results"
            )
        if lacks_scores(record) and (folder / CHECKPOINT).is_file():
            complete(record, open_run(folder), protocol.benchmark(arguments.data))
            write_text(target, json.dumps(record, indent=1) + "\n")
        return
    revision, began = commit(), time.perf_counter()
    pool = protocol.training(arguments.data)
    with knowing_people(pool) if arm.true_clusters else nullcontext():
        run = reseen.train(recipe, pool, folder, resume=True, on_clusters=watcher(folder, pool))
    trained = time.perf_counter()
    scores = scores_of(run, protocol.benchmark(arguments.data))
    record = {
        "protocol": protocol.name,
        "arm": arm.name,
        "text": arm.text,
        "seed": seed,
        **scores,
        "clusters": rounds[-1] if (rounds := noted(folder)) else None,
        "seconds": {
            "training": round(sum(row["seconds"] for row in run.log), 1),
            "this_call": round(trained - began, 1),
        },
        "rounds": [trim(row) for row in run.log],
        "agreement": rounds,
        "recipe": settings,
        "command": f"python benchmarks/accuracy.py --protocol {protocol.name} --arms {arm.name} --seeds {seed} "
        f"--data MARKET --weights {Path(str(arguments.weights)).name}",
        "commit": revision,
        "versions": versions(),
        "hardware": hardware(),
        "load_average": round(os.getloadavg()[0], 1),
    }
    write_text(target, json.dumps(record, indent=1) + "\n")
    Console().print(f"{protocol.name} {arm.name} seed {seed}: mAP {scores['score']['mAP']:.1%}")


def lacks_scores(record: dict) -> bool:
    """Whether there are ways to be scored that this record is older than."""
    parts = record.get("parts")
    return not {"occluded", "camera_centered", "mirrored"} <= set(record) or bool(
        parts and "occluded" not in parts["global"]
    )


def complete(record: dict, run: Run, benchmark: Benchmark) -> None:
    """Add what was not scored when the run was made; what was scored must come out again."""
    scores = scores_of(run, benchmark)
    now, then = scores["score"]["mAP"], record["score"]["mAP"]
    if abs(now - then) > _SAME:
        raise SystemExit(f"{run.folder}: scores {now:.4f} mAP, its JSON has {then:.4f}; delete one of them")
    record |= {name: score for name, score in scores.items() if name not in record or name == "parts"}
    record["completed"] = commit()


def scores_of(run: Run, benchmark: Benchmark) -> dict:
    """Every way a run is scored."""
    retrieval, mirrored = (
        retrieve(run, benchmark, occlusions=OCCLUSIONS),
        retrieve(run, benchmark, mirrored=True),
    )
    return {
        "score": retrieval.score().to_json(),
        "camera_centered": centered_score(retrieval),
        "mirrored": mirrored.score().to_json(),
        "mirrored_centered": centered_score(mirrored),
        "occluded": {name: score.to_json() for name, score in retrieval.occluded_scores().items()},
        "parts": parts_of(retrieval, run),
        "student": student_of(run, benchmark),
    }


def centered_score(retrieval: Retrieval) -> dict | None:
    """The score with camera means subtracted; None where that is impossible."""
    return None if retrieval.why_not_centered else retrieval.centered().score().to_json()


def parts_of(retrieval: Retrieval, run: Run) -> dict | None:
    """Scores by the vectors of whole images and of patches alone, where there are both, occluded ones with them."""
    if run.recipe.model.patches is None:
        return None
    channels = run.encoder().channels
    blocks = {"global": slice(0, channels), "patch": slice(channels, None)}

    def of(block: slice) -> dict:
        occluded = {name: score(_cut(task, block)).to_json() for name, task in retrieval.occluded.items()}
        return {**score(_cut(retrieval.task, block)).to_json(), "occluded": occluded}

    return {name: of(block) for name, block in blocks.items()}


def student_of(run: Run, benchmark: Benchmark) -> dict | None:
    """Scores of the network that learned, where the method scores its momentum teacher."""
    if getattr(run.recipe.method, "score_with", "student") == "student":
        return None
    retrieval = retrieve(run, benchmark, occlusions=OCCLUSIONS, student=True)
    occluded = {name: score.to_json() for name, score in retrieval.occluded_scores().items()}
    return {"score": retrieval.score().to_json(), "occluded": occluded}


def _cut(task: RetrievalTask, block: slice) -> RetrievalTask:
    sides = [Features(unit(side.vectors[:, block])) for side in (task.query, task.gallery)]
    return replace(task, query=sides[0], gallery=sides[1])


def shareable(recipe: Recipe, weights: str) -> dict:
    """All settings, without the place where the weights lie on this machine."""
    model = recipe.model.model_copy(update={"weights": Path(weights).name})
    return recipe.model_copy(update={"model": model}).model_dump(mode="json")


def trim(row: dict) -> dict:
    """A round without what can be computed from the rest."""
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}


def commit() -> str:
    """The commit of the working tree, with a mark when there are changes."""
    here = Path(__file__).parent
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    dirty = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no"],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    return head.stdout.strip() + ("+changes" if dirty.stdout.strip() else "")


if __name__ == "__main__":
    main()
