"""How true the calibrated threshold and probabilities are, in many regimes, before and after 50, 100 and 200 answers.

python benchmarks/calibration_regimes.py --dumps DIR --repeats 2 --out docs/images/calibration-regimes.svg

Reads the vectors that `benchmarks/regimes.py --dump` writes: REGIME--ARM--seedK--roundR.npz. Identities answer the
questions and score what is stated; nothing else sees them. Each repeat has the crops in another order. What one file
gives is kept in `--work`, so that a second call goes on.

Questions are asked in two ways: one at a time, as the viewer does (`viewer`), and 200 on a sheet (`sheet`), as
`reseen audit --verify` does, without its questions on groups. Beside them stands what similarities alone would say: a
mixture of two normal distributions over each crop's ten nearest, under other cameras where there are any (`mixture`).

Errors are those among the most similar pairs, ten per crop. Reliability is that of search results, each crop's ten
nearest: what was told as a probability, and how often it came true.
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import RESULTS, commit
from benchmarks.cases.calibration_chart import draw

from reseen.audit import (
    AnsweredPairs,
    Calibration,
    PairPool,
    allocate_questions,
    calibrate,
    choose_pair,
    draw_pairs,
    plan_pool,
    plan_strata,
)
from reseen.environment import hardware, versions
from reseen.files import write_text
from reseen.geometry import unit
from reseen.records import NOISE, Features, PseudoLabels, contiguous

COUNTS = (50, 100, 200)
"""Numbers of answers after which a calibration is made."""
BINS = 10
"""Bins of the reliability diagram."""
NEAREST = 10
POINTS = 0.05
"""How far a stated error may be from the truth."""


def main() -> None:
    """Measure what is missing, sum up, write, draw."""
    arguments = parse()
    files = sorted(file for file in arguments.dumps.glob("*--round*.npz") if kept(file, arguments.rounds))
    if not files:
        raise SystemExit(f"{arguments.dumps}: no dumps of benchmarks/regimes.py")
    arguments.work.mkdir(parents=True, exist_ok=True)
    rows = []
    for file in files:
        for repeat in range(arguments.repeats):
            done = arguments.work / f"{file.stem}--repeat{repeat}.json"
            if not done.is_file():
                write_text(done, json.dumps(measure(file, repeat)))
                print(done.stem, flush=True)
            rows += json.loads(done.read_text())
    record = {
        "summary": summarize(rows),
        "by_regime": {
            name: summarize([row for row in rows if row["regime"] == name])
            for name in sorted({row["regime"] for row in rows})
        },
        "reliability": reliability(rows),
        "rows": [{key: value for key, value in row.items() if key != "bins"} for row in rows],
        "command": f"python benchmarks/calibration_regimes.py --dumps DUMPS --repeats {arguments.repeats}",
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(),
    }
    write_text(arguments.results / "calibration-regimes.json", json.dumps(rounded(record), indent=1) + "\n")
    draw(record, arguments.out)
    print(json.dumps(rounded(record["summary"]), indent=1))


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dumps", type=Path, required=True, help="folder of vectors of rounds")
    parser.add_argument("--rounds", default="", help="numbers of rounds, comma-separated; all when not given")
    parser.add_argument("--repeats", type=int, default=2, help="orders of the crops per file")
    parser.add_argument("--work", type=Path, default=Path("runs/calibration"), help="where results are kept")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--out", type=Path, default=Path("docs/images/calibration-regimes.svg"))
    return parser.parse_args()


def kept(file: Path, rounds: str) -> bool:
    """Whether the round of a dump is among those wanted."""
    return not rounds or file.stem.rpartition("--round")[2] in rounds.split(",")


def rounded(value: Any) -> Any:
    """The same with four decimals."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value


def measure(file: Path, repeat: int) -> list[dict]:
    """What is stated of one dump, and what is true, for each way and number of answers."""
    dump = np.load(file)
    order = np.random.default_rng(repeat).permutation(len(dump["vectors"]))
    vectors = unit(torch.from_numpy(dump["vectors"][order].astype(np.float32)))
    features, people = Features(vectors), dump["identities"][order]
    cameras, given = dump["cameras"][order].astype(np.int64), dump["labels"]
    labels = (
        contiguous(given[order].astype(np.int64)) if len(given) else PseudoLabels(np.full(len(order), NOISE))
    )
    regime, arm, seed, number = file.stem.split("--")
    head = {"regime": regime, "arm": arm, "seed": seed, "round": number, "repeat": repeat}
    head |= {"crops": len(order), "mAP": float(dump["map"])}
    pool = plan_pool(features, labels)
    same = people[pool.first] == people[pool.second]
    results = search_results(features, people, np.zeros(len(order), np.int64))
    rows = [head | mixture(features, people, cameras)]
    for way, asked in (
        ("viewer", in_viewer(pool, same, cameras, labels)),
        ("sheet", on_sheet(features, labels, people)),
    ):
        for count in COUNTS:
            answers = AnsweredPairs(*(column[:count] for column in asked))
            found = calibrate(pool, answers, np.random.default_rng(repeat))
            rows.append(head | {"way": way, "answers": count} | stated_and_true(found, pool, same, results))
    return rows


def in_viewer(
    pool: PairPool, same: np.ndarray, cameras: np.ndarray, labels: PseudoLabels
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Similarity, cluster and answer of the questions that the viewer asks, in its order."""
    rows = asked_in_viewer(pool, same, cameras, labels, max(COUNTS))
    return pool.similarity[rows], pool.together[rows], same[rows]


def asked_in_viewer(
    pool: PairPool, same: np.ndarray, cameras: np.ndarray, labels: PseudoLabels, count: int
) -> list[int]:
    """Which pairs of the pool the viewer asks about, in its order; fewer where there are not as many."""
    ends = np.sort(np.stack([cameras[pool.first], cameras[pool.second]]), axis=0)
    order = np.empty(len(same), dtype=np.int64)
    order[np.lexsort((labels.labels[pool.first], ends[1], ends[0]))] = np.arange(len(same))
    pairs = zip(pool.first.tolist(), pool.second.tolist(), strict=True)
    place = {pair: row for row, pair in enumerate(pairs)}
    asked: dict[tuple[int, int], int] = {}
    while len(asked) < count:
        rows = list(asked.values())
        answers = AnsweredPairs(pool.similarity[rows], pool.together[rows], same[rows])
        pair = choose_pair(pool, answers, asked.keys(), order)
        if pair is None:
            break
        asked[pair] = place[pair]
    return list(asked.values())


def on_sheet(
    features: Features, labels: PseudoLabels, people: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of the questions of a sheet, in random order; none where there are no clusters."""
    strata = plan_strata(features, labels)
    generator = np.random.default_rng(0)
    parts = [np.empty((0, 2), np.int64)]
    if strata:
        counts = allocate_questions(strata, max(COUNTS))
        parts += draw_pairs(features, labels, strata, counts, generator)
    pairs = generator.permutation(np.concatenate(parts))
    one, other = pairs.T
    vectors, cluster = features.numpy, labels.labels
    similarity = np.einsum("md,md->m", vectors[one], vectors[other], dtype=np.float64)
    return similarity, (cluster[one] == cluster[other]) & (cluster[one] >= 0), people[one] == people[other]


def stated_and_true(
    found: Calibration, pool: PairPool, same: np.ndarray, results: tuple[np.ndarray, np.ndarray]
) -> dict:
    """Stated and true errors at the threshold, and the reliability of the probabilities."""
    row: dict[str, Any] = {
        "trust": found.trust,
        "threshold": found.threshold,
        "share_same": float(same.mean()),
    }
    if found.threshold is not None:
        above = pool.similarity >= found.threshold
        truth = (float((~same[above]).mean()), float((same & ~above).sum() / max(same.sum(), 1)))
        stated = (found.false_share, found.missed_share)
        intervals = (found.false_interval, found.missed_interval)
        row["stated"], row["true"] = list(stated), list(truth)
        row["within"] = all(abs(one - other) <= POINTS for one, other in zip(stated, truth, strict=True))
        row["covered"] = [
            low - 1e-9 <= value <= high + 1e-9 for (low, high), value in zip(intervals, truth, strict=True)
        ]
    if found.trusted:
        told = found.probability(pool.similarity)
        row["pool_error"] = calibration_error(bins(told, same))
        told = found.probability(results[0])
        known = np.isfinite(told)
        row["bins"] = bins(told[known], results[1][known])
        row["error"] = calibration_error(row["bins"])
    return row


def search_results(
    features: Features, people: np.ndarray, cameras: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Similarity of each crop with its ten nearest, and whether they show the same person.

    Where cameras differ, crops of the same camera are left out.
    """
    rows = features.numpy
    similarity = rows @ rows.T
    np.fill_diagonal(similarity, -np.inf)
    if len(np.unique(cameras)) > 1:
        similarity[cameras[:, None] == cameras] = -np.inf
    near = np.argsort(-similarity, axis=1, kind="stable")[:, :NEAREST]
    values = np.take_along_axis(similarity, near, axis=1)
    finite = np.isfinite(values)
    return values[finite].astype(np.float64), (people[near] == people[:, None])[finite]


def mixture(features: Features, people: np.ndarray, cameras: np.ndarray) -> dict:
    """What two normal distributions, fitted to similarities alone, say of near pairs, and what is true of them."""
    from sklearn.mixture import GaussianMixture

    similarity, same = search_results(features, people, cameras)
    fitted = GaussianMixture(2, random_state=0, max_iter=500).fit(similarity[:, None])
    high = int(fitted.means_.argmax())
    told = fitted.predict_proba(similarity[:, None])[:, high]
    prior = told.mean()
    odds = told / prior / np.maximum(told / prior + (1 - told) / (1 - prior), 1e-300)
    above = odds >= 0.5
    stated = (
        float((1 - told)[above].sum() / (1 - told).sum()),
        float(told[~above].sum() / told.sum()),
    )
    truth = (float(above[~same].mean()), float((~above)[same].mean()) if same.any() else 0.0)
    kept_bins = bins(told, same)
    return {
        "way": "mixture", "answers": 0, "trust": "none", "stated": list(stated), "true": list(truth),
        "within": all(abs(one - other) <= POINTS for one, other in zip(stated, truth, strict=True)),
        "bins": kept_bins, "error": calibration_error(kept_bins), "share_same": float(same.mean()),
    }  # fmt: skip


def bins(told: np.ndarray, same: np.ndarray) -> list[list[float]]:
    """For each tenth of the probabilities: number of pairs, sum of what was told, and number of the same person."""
    place = np.clip((told * BINS).astype(int), 0, BINS - 1)
    sums = (np.bincount(place, weights, BINS) for weights in (None, told, same))
    return np.stack(list(sums), axis=1).astype(float).tolist()


def calibration_error(rows: list[list[float]]) -> float:
    """Expected calibration error: the mean distance of told and true shares over bins, weighted by pairs."""
    count, told, same = np.array(rows).T
    return float(np.abs(told - same).sum() / max(count.sum(), 1))


def summarize(rows: list[dict]) -> dict:
    """For each way and number of answers: how often there is trust, and how often what is stated then holds."""
    groups: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        groups[f"{row['way']} {row['answers']}"].append(row)
    return {name: summary(members) for name, members in groups.items()}


def summary(rows: list[dict]) -> dict:
    """The same for rows of one way and number of answers."""
    told = [row for row in rows if "stated" in row]
    covered = np.array([row["covered"] for row in told if "covered" in row], dtype=float)
    errors = np.array([np.abs(np.subtract(row["stated"], row["true"])) for row in told])
    known = [row["error"] for row in rows if "error" in row]
    return {
        "cases": len(rows),
        "trust": {name: sum(row["trust"] == name for row in rows) for name in ("high", "medium", "low")},
        "thresholds": len(told),
        "within_5_points": float(np.mean([row["within"] for row in told])) if told else None,
        "mean_error": errors.mean(axis=0).tolist() if told else None,
        "coverage": covered.mean(axis=0).tolist() if len(covered) else None,
        "calibration_error": float(np.mean(known)) if known else None,
    }


def reliability(rows: list[dict]) -> dict:
    """Told and true shares in each bin, over all cases of a way and number of answers; each case weighs alike."""
    totals: dict[str, np.ndarray] = {}
    for row in rows:
        if "bins" in row:
            part = np.array(row["bins"])
            name = f"{row['way']} {row['answers']}"
            totals[name] = totals.get(name, np.zeros_like(part)) + part / part[:, 0].sum()
    return {
        name: [[share, told / share, same / share] for share, told, same in total.tolist() if share > 0]
        for name, total in totals.items()
    }


if __name__ == "__main__":
    main()
