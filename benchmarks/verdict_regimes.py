"""How often the verdict without labels is right: over regimes, arms, seeds and rounds.

python benchmarks/verdict_regimes.py --data Market-1501 --weights FILE --dumps DIR --work runs/verdict

Two kinds of trainings are judged against the weights that they started with, and compared with the mean average
precision of held-out people, who are in no pool:

- encoders: the vectors that `benchmarks/regimes.py --dump` wrote of every round, if `--dumps` is given;
- adapters on the frozen vectors of the starting encoder (`benchmarks/adapter_runs.py`), which take seconds, so that
  there can be many, broken ones among them.

Each is judged with its tracklets and without. Writes one JSON and one picture. Adapters are kept in `--work`, so that a
stopped benchmark goes on.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import RESULTS, commit
from benchmarks.adapter_runs import ARMS, Crops, train_adapter
from benchmarks.people import identities_of
from benchmarks.regimes import RECIPE
from benchmarks.verdict_chart import draw

import reseen
from reseen.audit import Probe, Verdict, crop_signals, judge, round_health
from reseen.data.crops import open_crops
from reseen.data.views import shift_and_flip
from reseen.environment import hardware, versions
from reseen.features.extract import estimate_neck_statistics, extract
from reseen.features.probe_encoder import VIEW
from reseen.files import write_text
from reseen.geometry import unit
from reseen.models import Encoder
from reseen.records import Features, PseudoLabels
from reseen.runs.recipe import load_recipe

REGIMES = ("usual", "few", "tiny", "long-tail", "two-cameras", "strangers", "one-camera")
CLEAR = 0.003
"""Change of mAP, 0 to 1, from which an encoder counts as better or worse."""
_NECK = 2000
_VIEWED = 400


def main() -> None:
    """Train what is missing, judge, write, draw."""
    arguments = parse()
    runs = {**encoders(arguments.dumps), **adapters(arguments)}
    record = {
        "clear_change": CLEAR,
        "summary": {
            kind: {
                evidence: summary({name: run for name, run in runs.items() if run["kind"] == kind}, evidence)
                for evidence in ("tracklets", "views")
            }
            for kind in sorted({run["kind"] for run in runs.values()})
        },
        "alarms": alarms(runs),
        "runs": runs,
        "command": "python benchmarks/verdict_regimes.py --data MARKET --weights WEIGHTS --dumps DUMPS",
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(),
    }
    write_text(arguments.out, json.dumps(rounded(record), indent=1) + "\n")
    draw(runs, arguments.picture)
    print(json.dumps(record["summary"], indent=1))


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder in the Market-1501 layout")
    parser.add_argument("--weights", required=True, help="safetensors file of the backbone, or 'hub'")
    parser.add_argument("--dumps", type=Path, help="folder of benchmarks/regimes.py --dump")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--work", type=Path, default=Path("runs/verdict"))
    parser.add_argument("--out", type=Path, default=RESULTS / "verdict-regimes.json")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/verdict-regimes.svg"))
    return parser.parse_args()


def encoders(dumps: Path | None) -> dict[str, dict]:
    """The judged rounds of every run with vectors in a folder."""
    found: dict[str, list[Path]] = {}
    for file in sorted(dumps.glob("*--round*.npz")) if dumps is not None else []:
        found.setdefault(file.stem.rpartition("--")[0], []).append(file)
    runs = {}
    for name, files in found.items():
        files.sort(key=lambda file: int(re.search(r"round(\d+)$", file.stem)[1]))
        if not files[0].stem.endswith("round0"):
            continue
        runs[f"encoder--{name}"] = {"kind": "encoder", "rounds": judged(map(read_dump, files))}
        print(name, flush=True)
    return runs


def read_dump(file: Path) -> tuple[Probe, float, np.ndarray | None]:
    """A probe from a dump of vectors, its true mAP, and the clusters that the round was trained with."""
    kept = np.load(file)
    vectors, views = (unit(torch.from_numpy(kept[name].astype(np.float32))) for name in ("vectors", "view"))
    rows = np.sort(np.random.default_rng(0).permutation(len(vectors))[:_VIEWED])
    several = len(np.unique(kept["cameras"])) > 1
    cameras = kept["cameras"].astype(np.int64) if several else None
    probe = Probe(
        Features(vectors), Features(views[torch.from_numpy(rows)]), rows, cameras, kept["tracklets"].astype(np.int64)
    )  # fmt: skip
    return probe, float(kept["map"]), kept["labels"].astype(np.int64) if len(kept["labels"]) else None


def adapters(arguments: argparse.Namespace) -> dict[str, dict]:
    """The judged rounds of every adapter."""
    file = arguments.work / "adapters.json"
    kept = json.loads(file.read_text()) if file.is_file() else {}
    crops = None
    for seed in map(int, arguments.seeds.split(",")):
        for arm in ARMS:
            for regime in REGIMES:
                name = f"adapter--{regime}--{arm}--seed{seed}"
                if name not in kept:
                    crops = crops or starting_vectors(arguments)
                    rounds = judged(train_adapter(crops, regime, arm, seed))
                    kept[name] = {"kind": "adapter", "rounds": rounds}
                    arguments.work.mkdir(parents=True, exist_ok=True)
                    write_text(file, json.dumps(kept))
                    print(name, [round(100 * row["map"], 1) for row in rounds], flush=True)
    return kept


def starting_vectors(arguments: argparse.Namespace) -> Crops:
    """Vectors of all training crops and of another view of each, by the encoder that runs start with."""
    recipe = load_recipe(RECIPE, ["--model.weights", str(arguments.weights)])
    torch.manual_seed(0)
    encoder = Encoder(recipe.model, recipe.data.height, recipe.data.width)
    table = reseen.read_training(arguments.data)
    crops = open_crops(table, recipe.data, encoder.height, encoder.width)
    device, generator = torch.device("cpu"), torch.Generator().manual_seed(0)
    some = np.sort(np.random.default_rng(0).permutation(len(crops))[:_NECK])
    estimate_neck_statistics(encoder, crops.select(some), device)
    plain = extract(encoder, crops, device)
    viewed = extract(encoder, crops, device, transform=lambda images: shift_and_flip(images, VIEW, generator))
    identities = identities_of(table)
    return Crops(
        plain.vectors, viewed.vectors, identities, table.cameras, tracklets_of(table.paths, identities)
    )


def tracklets_of(paths: Iterable[str], identities: np.ndarray) -> np.ndarray:
    """A number for every run of crops of one person in one recording whose frames are less than 100 apart."""
    parts = [re.search(r"_(c\d+s\d+)_(\d+)_", path) for path in paths]
    recordings = np.unique([part[1] for part in parts], return_inverse=True)[1]
    frames = np.array([int(part[2]) for part in parts])
    order = np.lexsort((frames, recordings, identities))
    same = np.diff(identities[order]) == 0
    same &= (np.diff(recordings[order]) == 0) & (np.diff(frames[order]) < 100)
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(~same)])
    return numbers


def judged(rounds: Iterable[tuple[Probe, float, np.ndarray | None]]) -> list[dict]:
    """What the verdict says of every round against the first, with tracklets and without, beside the truth."""
    found: list[dict] = []
    first = last = None
    for probe, precision, labels in rounds:
        first = first or probe
        bare = [replace(one, tracklets=None) for one in (first, probe)]
        row = {
            "map": precision,
            "signals": {
                name: float(np.nanmean(values))
                for name, values in crop_signals(probe).items() if not np.isnan(values).all()
            },
            "tracklets": brief(judge(first, probe)),
            "views": brief(judge(*bare)),
        }  # fmt: skip
        if labels is not None and last is not None:
            row["health"] = round_health(last.features, PseudoLabels(labels), last.cameras).to_json()
        last = probe
        found.append(row)
    return found


def brief(verdict: Verdict) -> dict:
    """Outcome, scores and interval."""
    return {name: verdict.to_json()[name] for name in ("outcome", "before", "after", "interval")}


def summary(runs: dict[str, dict], evidence: str) -> dict:
    """Correlations with true mAP within a data set, and how verdicts and truth go together."""
    by_regime: dict[str, list[tuple[float, float]]] = {}
    table: dict[str, dict[str, int]] = {}
    wrong = []
    for name, run in runs.items():
        rounds = run["rounds"]
        by_regime.setdefault(name.split("--")[1], []).extend(
            (row[evidence]["after"], row["map"]) for row in rounds
        )
        for number, row in enumerate(rounds[1:], start=1):
            change = row["map"] - rounds[0]["map"]
            truth = "better" if change > CLEAR else "worse" if change < -CLEAR else "no different"
            outcome = row[evidence]["outcome"]
            table.setdefault(truth, {}).setdefault(outcome, 0)
            table[truth][outcome] += 1
            if {truth, outcome} == {"better", "worse"}:
                wrong.append({"run": name, "round": number, "verdict": outcome, "change": change})
    return {
        "runs": len(runs),
        "rounds": sum(len(run["rounds"]) - 1 for run in runs.values()),
        "verdicts_by_truth": table,
        "wrong": wrong,
        "spearman_by_regime": {
            regime: spearman(*zip(*pairs, strict=True)) for regime, pairs in by_regime.items()
        },
    }


def alarms(runs: dict[str, dict]) -> dict[str, dict]:
    """By arm: rounds, rounds with alarms, and the mean change of mAP over the training."""
    found: dict[str, dict] = {}
    for name, run in runs.items():
        kind, _, arm, _ = name.split("--")
        row = found.setdefault(f"{kind} {arm}", {"rounds": 0, "alarmed": 0, "names": {}, "changes": []})
        for each in run["rounds"][1:]:
            row["rounds"] += 1
            names = [alarm["name"] for alarm in each.get("health", {}).get("alarms", [])]
            row["alarmed"] += bool(names)
            for one in names:
                row["names"][one] = row["names"].get(one, 0) + 1
        row["changes"].append(run["rounds"][-1]["map"] - run["rounds"][0]["map"])
    for row in found.values():
        row["mean_change_of_map"] = float(np.mean(row.pop("changes")))
    return found


def spearman(first: Iterable[float], second: Iterable[float]) -> float:
    """Rank correlation."""
    from scipy.stats import spearmanr

    return float(spearmanr(list(first), list(second))[0])


def rounded(value: object) -> object:
    """The same with four decimals."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
