"""What tracklets give a clustering: Market-1501 crops with tracklets made from their frames, some corrupted.

    python benchmarks/tracklets.py --data Market-1501 --weights mobilenetv2_100.safetensors

A tracklet is what a perfect tracker would give: the crops of one person in one sequence of one camera, with at most
four seconds between neighbors. A corrupted one has exchanged its later half with another tracklet of its camera that is
there at the time, or nearest to it, as a tracker that switches identities does. One clustering, of an encoder with
ImageNet weights, is scored without constraints, with cannot-links alone and with must-links too: precision and recall
over pairs of crops. Identities make the tracklets and the scores; the clustering sees neither.

    python benchmarks/tracklets.py --data Market-1501 --weights FILE --train cannot-link:0.05 --json FILE

trains one arm instead, a rule and the share of tracklets that have switched, and scores its clusters and the mean
average precision of 100 other people. Data in the layout of MARS is read too: its tracklets are its own, and since its
names hold no times, none overlap, so that `both` has must-links alone and `cannot-link` nothing.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import commit
from benchmarks.protocols.regimes import held_out_benchmark

import reseen
from reseen.cluster import constrain, tracklet_constraints
from reseen.data.overlaps import overlapping_tracklets
from reseen.data.table import ImageTable
from reseen.datasets import Layout, detect, read_splits, read_training
from reseen.environment import hardware
from reseen.features.extract import estimate_neck_statistics, extract
from reseen.records import Features, PseudoLabels
from reseen.runs.recipe import load_recipe
from reseen.tasks.evaluation.score import retrieve
from reseen.training.setup import set_up

GAP_SECONDS, FRAME_RATE, SEQUENCE_SECONDS = 4.0, 25.0, 1e6


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", default="hub", help="ImageNet weights of mobilenetv2_100")
    parser.add_argument(
        "--people", type=int, default=150, help="people of the training set, the first by number"
    )
    parser.add_argument("--corrupted", type=float, nargs="*", default=[0.0, 0.05, 0.2])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", help="train one arm, as none:0, cannot-link:0.05 or both:0.2")
    parser.add_argument("--keep", type=Path, help="with --train: the run folder to keep")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=16, help="batches of 128 crops in a round")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def tracked(table: ImageTable, people: np.ndarray) -> ImageTable:
    """The table with times in seconds, and a tracklet for every unbroken appearance."""
    parts = [Path(path).stem.split("_") for path in table.paths]
    sequence = np.array([int(part[1].partition("s")[2]) for part in parts])
    times = np.array([int(part[2]) / FRAME_RATE for part in parts]) + sequence * SEQUENCE_SECONDS
    order = np.lexsort((times, people, table.cameras))
    follows = (
        (np.diff(people[order]) == 0)
        & (np.diff(table.cameras[order]) == 0)
        & (np.diff(times[order]) <= GAP_SECONDS)
    )
    tracklets = np.zeros(len(table), dtype=np.int64)
    tracklets[order] = np.concatenate([[0], np.cumsum(~follows)])
    return replace(table, times=times, tracklets=tracklets)


def corrupt(table: ImageTable, share: float, generator: np.random.Generator) -> tuple[ImageTable, int]:
    """The table with a share of its tracklets of two crops and more in pairs that have exchanged their later halves."""
    assert table.tracklets is not None
    times = np.arange(len(table), dtype=np.float64) if table.times is None else table.times
    tracklets = table.tracklets.copy()
    members = {track: np.flatnonzero(tracklets == track) for track in np.unique(tracklets)}
    members = {track: rows[np.argsort(times[rows])] for track, rows in members.items() if len(rows) > 1}
    waiting, wanted, switched = set(members), round(share * len(members) / 2), 0
    near = overlapping_tracklets(table).tolist()
    neighbors: dict[int, list[int]] = {}
    for first, second in near:
        neighbors.setdefault(first, []).append(second)
        neighbors.setdefault(second, []).append(first)
    for track in generator.permutation(sorted(members)).tolist():
        if switched == wanted or track not in waiting:
            continue
        rows = members[track]
        others = [other for other in neighbors.get(track, ()) if other in waiting] or [
            other
            for other in waiting
            if other != track and table.cameras[members[other][0]] == table.cameras[rows[0]]
        ]
        if not others:
            continue
        other = min(others, key=lambda each: abs(times[members[each]].mean() - times[rows].mean()))
        tracklets[rows[len(rows) // 2 :]] = other
        tracklets[members[other][len(members[other]) // 2 :]] = track
        waiting -= {track, other}
        switched += 1
    return replace(table, tracklets=tracklets), 2 * switched


def pair_scores(labels: np.ndarray, people: np.ndarray) -> dict[str, float]:
    """Precision and recall over pairs of crops in one cluster, and their harmonic mean; noise shares none."""
    inside = labels >= 0
    together = sum(n * (n - 1) / 2 for n in Counter(labels[inside].tolist()).values())
    right = sum(
        n * (n - 1) / 2
        for n in Counter(zip(labels[inside].tolist(), people[inside].tolist(), strict=True)).values()
    )
    same = sum(n * (n - 1) / 2 for n in Counter(people.tolist()).values())
    precision, recall = right / max(together, 1), right / same
    return {
        "precision": precision,
        "recall": recall,
        "f": 2 * precision * recall / max(precision + recall, 1e-12),
    }


def read(asked: argparse.Namespace) -> tuple[ImageTable, np.ndarray]:
    """Crops of the first people, with tracklets, and who is on them."""
    if detect(asked.data) is Layout.MARS:
        labeled = read_splits(asked.data, names=("train",))["train"]
        table, people = labeled.images, labeled.identities
    else:
        table = read_training(asked.data)
        people = np.array([int(Path(path).name.partition("_")[0]) for path in table.paths])
    rows = np.flatnonzero(np.isin(people, np.unique(people)[: asked.people]))
    table, people = table.select(rows), people[rows]
    return table if table.tracklets is not None else tracked(table, people), people


def flags_of(asked: argparse.Namespace) -> list[str]:
    """Settings that all arms share."""
    return [
        "--model.backbone", "mobilenetv2_100", "--model.weights", asked.weights, "--data.height", "128",
        "--data.width", "64", "--method.clustering.eps", "auto", "--train.device", "cpu", "--seed", str(asked.seed),
    ]  # fmt: skip


def clustered(asked: argparse.Namespace, table: ImageTable) -> tuple[Features, PseudoLabels]:
    """Features of an encoder with ImageNet weights, and their clusters."""
    with tempfile.TemporaryDirectory() as folder:
        training = set_up(load_recipe("cluster-contrast", flags_of(asked)), table, Path(folder), quiet=True)
        estimate_neck_statistics(training.encoder, training.crops, torch.device("cpu"))
        features = extract(training.encoder, training.crops, torch.device("cpu"))
        return features, training.method.begin_round(features, 1).clustering.labels


def compare_rules(asked: argparse.Namespace, table: ImageTable, people: np.ndarray) -> list[dict]:
    """One clustering with and without constraints, by the share of tracklets that have switched."""
    features, plain = clustered(asked, table)
    result = [{"corrupted": 0.0, "rule": "none", "clusters": plain.cluster_count,
               **pair_scores(plain.labels, people)}]  # fmt: skip
    for share in asked.corrupted:
        broken, count = corrupt(table, share, np.random.default_rng(asked.seed))
        for rule in ("cannot-link", "both"):
            found = tracklet_constraints(broken, rule)
            labels, changed = constrain(features, plain, found.constraints)
            result.append({
                "corrupted": share, "switched": count, "rule": rule, "clusters": labels.cluster_count,
                "tracklets": len(np.unique(broken.tracklets)), "overlaps": found.overlaps,
                "must": found.must, "cannot": found.cannot, "merged": changed[0], "split": changed[1],
                **pair_scores(labels.labels, people),
            })  # fmt: skip
    return result


def train_arm(asked: argparse.Namespace, table: ImageTable, people: np.ndarray) -> dict:
    """Train with one rule, and score the clusters of the last round and the retrieval of other people."""
    rule, _, share = asked.train.partition(":")
    broken, count = corrupt(table, float(share), np.random.default_rng(asked.seed))
    small = {
        "data.tracklet-constraints": rule, "train.rounds": asked.rounds, "train.iterations": asked.iterations,
        "model.frozen-stages": 4, "method.sampler.clusters-per-batch": 32, "method.sampler.images-per-cluster": 4,
        "method.memory.update": "hard", "method.memory.momentum": 0.2, "train.learning-rate": 6.0e-4,
        "train.schedule": "cosine", "train.mirrored-features": "true",
    }  # fmt: skip
    flags = [word for name, value in small.items() for word in (f"--{name}", str(value))]
    recipe = load_recipe("cluster-contrast", [*flags_of(asked), *flags])
    last: list[PseudoLabels] = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = asked.keep or Path(folder) / "run"
        run = reseen.train(recipe, broken, out, quiet=True, on_clusters=lambda _, labels: last.append(labels))
        benchmark = held_out_benchmark(asked.data)
        after = retrieve(run, benchmark, quiet=True).score()
        before = retrieve(run, benchmark, untrained=True, quiet=True).score() if rule == "none" else None
    return {
        "rule": rule, "corrupted": float(share), "switched": count, "seed": asked.seed, "rounds": asked.rounds,
        "iterations": asked.iterations, "crops": len(table), "people": asked.people,
        "clusters": last[-1].cluster_count, **pair_scores(last[-1].labels, people),
        "map_before": None if before is None else before.mean_average_precision,
        "map": after.mean_average_precision, "rank1": after.cmc[1],
        "seconds": round(time.perf_counter() - began), "commit": commit(), "hardware": hardware(),
    }  # fmt: skip


def main() -> None:
    """Measure and print a table."""
    asked = parse()
    table, people = read(asked)
    assert table.tracklets is not None
    print(f"{len(table)} crops of {asked.people} people, {len(np.unique(table.tracklets))} tracklets")
    result: list[dict] | dict
    if asked.train:
        result = train_arm(asked, table, people)
        print(f"{asked.train}: mAP {result['map']:.1%}, F {result['f']:.3f}")
    else:
        result = compare_rules(asked, table, people)
        for row in result:
            print(
                f"corrupted {row['corrupted']:.0%}  {row['rule']:<12} clusters {row['clusters']:>4}  "
                f"precision {row['precision']:.3f}  recall {row['recall']:.3f}  F {row['f']:.3f}"
            )
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
