"""What tracklets are worth to the threshold: trust, and stated and true errors, by the number of answers.

    python benchmarks/tracklet_threshold.py --run RUN --data Market-1501 --people 60
    python benchmarks/tracklet_threshold.py --run RUN --videos videos --crops crops

The crops are those of Market-1501 with tracklets as in `tracklets.py`, or those that `reseen crop --detections` made of
drawn videos by their exact tracks. Questions are asked one at a time as the viewer asks them; identities answer, and
say what is true of the pairs that the threshold is about. `--corrupted` shares of the tracklets have switched between
two people, of which neither answers nor calibration know.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.calibration_regimes import asked_in_viewer
from benchmarks.people import identities_of
from benchmarks.tracklets import corrupt, tracked

from reseen.audit import AnsweredPairs, PairPool, TrackletPairs, calibrate, plan_pool
from reseen.data.crops import open_crops
from reseen.data.table import ImageTable
from reseen.datasets import read_training
from reseen.features.extract import extract
from reseen.records import Features, PseudoLabels
from reseen.runs.run import open_run
from reseen.tasks.audit.audit import recluster_with_run

COUNTS = (0, 25, 50, 100, 200)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="Market-1501")
    parser.add_argument("--people", type=int, default=60, help="of Market-1501, the first by number")
    parser.add_argument("--videos", type=Path, help="drawn videos")
    parser.add_argument("--crops", type=Path, help="what `reseen crop --detections` made of them")
    parser.add_argument("--corrupted", type=float, nargs="*", default=[0.0, 0.05, 0.2])
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def market(asked: argparse.Namespace) -> tuple[ImageTable, np.ndarray]:
    """Crops of Market-1501 with tracklets, and who is on them."""
    table = read_training(asked.data)
    people = identities_of(table)
    rows = np.flatnonzero(np.isin(people, np.unique(people)[: asked.people]))
    return tracked(table.select(rows), people[rows]), people[rows]


def drawn(asked: argparse.Namespace) -> tuple[ImageTable, np.ndarray]:
    """Crops of drawn videos, and who is on them: the person of the exact box of the same frame and place."""
    table = read_training(asked.crops / "manifest.parquet")
    rows = {row["path"]: row for row in pq.read_table(asked.crops / "manifest.parquet").to_pylist()}
    truth = {
        file.stem: np.loadtxt(file, delimiter=",", ndmin=2)
        for file in (asked.videos / "ground-truth").glob("*.txt")
    }
    people = []
    for path in table.texts:
        row, boxes = rows[path], truth[rows[path]["source"]]
        boxes = boxes[boxes[:, 0] == row["frame"] + 1]
        near = np.abs(boxes[:, 2:4] + boxes[:, 4:6] - [row["right"], row["bottom"]]).max(axis=1)
        people.append(int(boxes[near.argmin(), 1]))
    return table, np.array(people)


def measure(
    features: Features, labels: PseudoLabels, table: ImageTable, people: np.ndarray, known: TrackletPairs
) -> list[dict]:
    """Stated and true of one pool, by the number of answers."""
    pool = plan_pool(features, labels, tracklets=known)
    same = people[pool.first] == people[pool.second]
    said = pool.known != 0
    head = {
        "pairs": len(same),
        "known": float(said.mean()),
        "known_wrong": float(((pool.known == 1) != same)[said].mean()) if said.any() else 0.0,
    }
    asked = asked_in_viewer(pool, same, table.cameras.astype(np.int64), labels, max(COUNTS))
    return [head | {"answers": count} | stated(pool, same, asked[:count]) for count in COUNTS]


def stated(pool: PairPool, same: np.ndarray, rows: list[int]) -> dict:
    """What is stated after these answers, and what is true."""
    answers = AnsweredPairs(pool.similarity[rows], pool.together[rows], same[rows])
    found = calibrate(pool, answers, np.random.default_rng(0))
    result: dict = {"trust": found.trust, "further": found.further, "threshold": found.threshold}
    if found.threshold is not None and found.false_interval and found.missed_interval:
        above = pool.similarity >= found.threshold
        false, missed = float((~same[above]).mean()), float((same & ~above).sum() / same.sum())
        low, high = found.false_interval
        few, many = found.missed_interval
        result |= {
            "false": found.false_share, "true_false": false, "false_held": low - 0.005 <= false <= high + 0.005,
            "missed": found.missed_share, "true_missed": missed,
            "missed_held": few - 0.005 <= missed <= many + 0.005,
        }  # fmt: skip
    return result


def main() -> None:
    """Measure and print a table."""
    asked = parse()
    table, people = drawn(asked) if asked.crops else market(asked)
    run = open_run(asked.run)
    encoder = run.encoder()
    crops = open_crops(table, run.reading, encoder.height, encoder.width, progress=False)
    device = torch.device("cpu")
    features = extract(encoder, crops, device)
    labels = recluster_with_run(run, encoder, crops, device)(features).labels
    arms = {"without tracklets": table}
    arms |= {
        f"tracklets, {share:.0%} switched": corrupt(table, share, np.random.default_rng(0))[0]
        for share in asked.corrupted
    }
    result = []
    for name, own in arms.items():
        known = TrackletPairs.of_table(replace(own, tracklets=None) if name == "without tracklets" else own)
        for row in measure(features, labels, own, people, known):
            result.append({"arm": name, **row})
            errors = (
                f"false {row['false']:.3f} (true {row['true_false']:.3f})  missed {row['missed']:.3f} (true "
                f"{row['true_missed']:.3f})"
                if "false" in row
                else ""
            )
            print(
                f"{name:24} known {row['known']:.0%} wrong {row['known_wrong']:.1%}  answers {row['answers']:>3}  "
                f"{row['trust']:<6} further {row['further']:>4}  {errors}",
                flush=True,
            )
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
