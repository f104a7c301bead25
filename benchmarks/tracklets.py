"""What tracklets give a clustering: Market-1501 crops with tracklets made from their frames, some corrupted.

    python benchmarks/tracklets.py --data Market-1501 --weights mobilenetv2_100.safetensors

A tracklet is what a perfect tracker would give: the crops of one person in one sequence of one camera, with at most
four seconds between neighbors. A corrupted one has exchanged its later half with another tracklet of its camera that is
there at the time, or nearest to it, as a tracker that switches identities does. One clustering, of an encoder with
ImageNet weights, is scored without constraints, with cannot-links alone and with must-links too: precision and recall
over pairs of crops. Identities make the tracklets and the scores; the clustering sees neither.
"""

import argparse
import json
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from reseen.cluster import constrain, tracklet_constraints
from reseen.data.overlaps import overlapping_tracklets
from reseen.data.table import ImageTable
from reseen.datasets import read_training
from reseen.features.extract import estimate_neck_statistics, extract
from reseen.runs.recipe import load_recipe
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
    assert table.times is not None
    tracklets = table.tracklets.copy()
    members = {track: np.flatnonzero(tracklets == track) for track in np.unique(tracklets)}
    members = {track: rows[np.argsort(table.times[rows])] for track, rows in members.items() if len(rows) > 1}
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
        other = min(
            others, key=lambda each: abs(table.times[members[each]].mean() - table.times[rows].mean())
        )
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


def main() -> None:
    """Measure and print a table."""
    asked = parse()
    table = read_training(asked.data)
    people = np.array([int(Path(path).name.partition("_")[0]) for path in table.paths])
    rows = np.flatnonzero(np.isin(people, np.unique(people)[: asked.people]))
    table, people = tracked(table.select(rows), people[rows]), people[rows]
    recipe = load_recipe(
        "cluster-contrast",
        ["--model.backbone", "mobilenetv2_100", "--model.weights", asked.weights, "--data.height", "128",
         "--data.width", "64", "--method.clustering.eps", "auto", "--train.device", "cpu"],
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        training = set_up(recipe, table, Path(folder), quiet=True)
        estimate_neck_statistics(training.encoder, training.crops, torch.device("cpu"))
        features = extract(training.encoder, training.crops, torch.device("cpu"))
        clustering = training.method.begin_round(features, 1).clustering
    result = [{"corrupted": 0.0, "rule": "none", "clusters": clustering.labels.cluster_count,
               **pair_scores(clustering.labels.labels, people)}]  # fmt: skip
    for share in asked.corrupted:
        broken, count = corrupt(table, share, np.random.default_rng(asked.seed))
        for rule in ("cannot-link", "both"):
            found = tracklet_constraints(broken, rule)
            labels, changed = constrain(features, clustering.labels, found.constraints)
            result.append({
                "corrupted": share, "switched": count, "rule": rule, "clusters": labels.cluster_count,
                "tracklets": len(np.unique(broken.tracklets)), "overlaps": found.overlaps,
                "must": found.must, "cannot": found.cannot, "merged": changed[0], "split": changed[1],
                **pair_scores(labels.labels, people),
            })  # fmt: skip
    print(f"{len(table)} crops of {asked.people} people, {len(np.unique(table.tracklets))} tracklets")
    for row in result:
        print(
            f"corrupted {row['corrupted']:.0%}  {row['rule']:<12} clusters {row['clusters']:>4}  "
            f"precision {row['precision']:.3f}  recall {row['recall']:.3f}  F {row['f']:.3f}"
        )
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
