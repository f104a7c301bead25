"""How close the precision and recall of an audit come to the truth, on finished runs of an accuracy protocol.

python benchmarks/audit_agreement.py --protocol market-mini --data DIR --runs DIR,DIR --out SVG

Takes every run below `--runs` (folders ARM-seedN, as `benchmarks/accuracy.py` makes them) whose score lies in
`benchmarks/results/`. Writes one JSON and one picture:

- how often intervals of precision and recall hold the truth, over repeated sheets of 180 pairs that somebody answers
  who knows everybody.

The true arm `true-people` is left out: it was told who is who. Features are kept in `--work`, so that a second call
takes seconds. What the score and the verdict are worth, `benchmarks/verdict_regimes.py` measures.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import RESULTS, commit
from benchmarks.cases.agreement_chart import draw
from benchmarks.people import identities_of
from benchmarks.protocols import PROTOCOLS

from reseen import Run, open_run
from reseen.audit import (
    Tally,
    allocate_questions,
    plan_strata,
    precision,
    recall,
)
from reseen.data.crops import Crops, open_crops
from reseen.data.table import ImageTable
from reseen.environment import hardware, versions
from reseen.features.extract import extract
from reseen.files import write_text
from reseen.geometry import unit
from reseen.records import Features, PseudoLabels
from reseen.tasks.audit.audit import recluster_with_run

DEVICE = torch.device("cpu")
SHEETS = 1000
QUESTIONS = 180


def main() -> None:
    """Measure, write, draw."""
    arguments = parse()
    protocol = PROTOCOLS[arguments.protocol]
    table = protocol.training(arguments.data)
    people = np.unique(identities_of(table), return_inverse=True)[1]
    folders = {}
    for place in arguments.runs:
        for folder in sorted(place.glob("*-seed*")):
            score = arguments.results / f"{protocol.name}--{folder.name.replace('-seed', '--seed')}.json"
            if score.is_file() and not folder.name.startswith("true-people"):
                folders[folder.name] = (folder, json.loads(score.read_text())["score"])
    if len(folders) < 3:
        raise SystemExit(f"found {len(folders)} finished runs; make some with benchmarks/accuracy.py")
    runs = {}
    for name, (folder, score) in folders.items():
        runs[name] = look(folder, table, people, arguments.work) | {
            "mAP": score["mAP"], "rank_1": score["cmc"]["1"],
        }  # fmt: skip
        print(f"{name}: mAP {runs[name]['mAP']:.1%}", flush=True)
    record = {
        "protocol": protocol.name,
        "runs": runs,
        "coverage_lowest_mean_highest": coverage(runs),
        "command": f"python benchmarks/audit_agreement.py --protocol {protocol.name} --data MARKET --runs RUNS",
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(),
    }
    write_text(arguments.results / "audit-agreement.json", json.dumps(rounded(record), indent=1) + "\n")
    draw(record, arguments.out)
    print(json.dumps(record["coverage_lowest_mean_highest"], indent=1))


def coverage(runs: dict[str, dict]) -> dict[str, list[float]]:
    """Share of sheets whose interval holds the truth: the lowest of all runs, their mean, the highest."""
    found = {}
    for name in ("precision", "recall"):
        values = [row["sheets"][name]["coverage"] for row in runs.values()]
        found[name] = [min(values), float(np.mean(values)), max(values)]
    return found


def rounded(value: Any) -> Any:
    """The same with four decimals."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def folders(text: str) -> list[Path]:
        return [Path(part) for part in text.split(",") if part]

    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), default="market-mini")
    parser.add_argument("--data", type=Path, required=True, help="folder in the Market-1501 layout")
    parser.add_argument("--runs", type=folders, required=True, help="folders of runs, comma-separated")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--work", type=Path, default=Path("runs/audit"), help="where features are kept")
    parser.add_argument("--out", type=Path, default=Path("docs/images/audit-agreement.svg"))
    return parser.parse_args()


def look(folder: Path, table: ImageTable, people: np.ndarray, work: Path) -> dict:
    """The audit of a run beside the truth; nothing is written into the run."""
    run = open_run(folder)
    encoder = run.encoder()
    crops = open_crops(table, run.reading, encoder.height, encoder.width)
    plain = features(run, encoder, crops, work)
    labels = recluster_with_run(run, encoder, crops, DEVICE)(plain).labels
    directions = Features(unit(plain.vectors))
    return {"sheets": sheets(directions, labels, people)}


def features(run: Run, encoder: torch.nn.Module, crops: Crops, work: Path) -> Features:
    """Of the crops, from `work` where they were kept."""
    file = work / f"{run.folder.name}.npz"
    if not file.is_file():
        work.mkdir(parents=True, exist_ok=True)
        np.savez(file, plain=extract(encoder, crops, DEVICE).numpy)
    return Features(torch.from_numpy(np.load(file)["plain"]), run.recipe.model.feature == "raw")


def sheets(features: Features, labels: PseudoLabels, people: np.ndarray) -> dict:
    """Coverage of intervals over repeated sheets; answers of each stratum are drawn without putting back."""
    strata = plan_strata(features, labels)
    vectors, cluster = features.numpy, labels.labels
    upper = np.triu(np.ones((len(cluster), len(cluster)), bool), 1)
    similarity = vectors @ vectors.T
    together = (cluster[:, None] == cluster) & (cluster >= 0)[:, None]
    same = people[:, None] == people
    counts = []
    for stratum in strata:
        inside = (
            (similarity >= stratum.low) & (similarity < stratum.high) & (together == stratum.together) & upper
        )
        counts.append((int((inside & same).sum()), int((inside & ~same).sum())))
    right = [
        sum(one for (one, _), s in zip(counts, strata, strict=True) if s.together is kind)
        for kind in (True, False)
    ]
    asked = allocate_questions(strata, QUESTIONS)
    truth = {
        "precision": right[0] / sum(stratum.pairs for stratum in strata if stratum.together),
        "recall": right[0] / sum(right),
    }
    generator = np.random.default_rng(0)
    held, width = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0.0)
    for _ in range(SHEETS):
        drawn = []
        for stratum, (yes, no), count in zip(strata, counts, asked, strict=True):
            one = int(generator.hypergeometric(yes, no, min(count, yes + no)))
            drawn.append(Tally(stratum, one, min(count, yes + no) - one))
        for name, estimate in (("precision", precision(drawn)), ("recall", recall(drawn))):
            held[name] += estimate.low <= truth[name] <= estimate.high
            width[name] += estimate.high - estimate.low
    everywhere = right[0] / int((same & upper).sum())
    return {
        name: {"true": truth[name], "coverage": held[name] / SHEETS, "width": width[name] / SHEETS}
        for name in truth
    } | {"recall_of_all_pairs": everywhere}


if __name__ == "__main__":
    main()
