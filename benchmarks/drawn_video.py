"""Scores the last clusters of a run on crops of drawn video against the people who were drawn.

The person of a crop is that of the exact box of the same frame that overlaps it most; where none overlaps it by an
intersection over union of 0.3, the crop shows nobody, and is left out. Training has not seen who is who.

    reseen data toy videos --video --people 24 --cameras 3
    reseen crop videos --out crops
    reseen train auto --data crops/manifest.parquet --out runs/auto
    python benchmarks/drawn_video.py --videos videos --crops crops --run runs/auto

Writes `benchmarks/results/drawn-video.json`.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.tracklets import pair_scores

from reseen.video.detection_files import read_detections

RESULTS = Path(__file__).parent / "results" / "drawn-video.json"
SMALLEST = 0.3
"""Intersection over union of a crop's box and an exact box from which the crop shows that person."""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--videos", type=Path, required=True, help="folder of `reseen data toy --video`")
    parser.add_argument("--crops", type=Path, required=True, help="folder of `reseen crop` on these videos")
    parser.add_argument("--run", type=Path, required=True, help="run on these crops")
    parser.add_argument("--out", type=Path, default=RESULTS, help="file of the results")
    return parser.parse_args()


def person_of(row: dict, boxes: np.ndarray) -> int:
    """The track of the exact box that overlaps a crop most, -1 for none; boxes are corners and a track."""
    if not len(boxes):
        return -1
    low = np.maximum(boxes[:, :2], [row["left"], row["top"]])
    high = np.minimum(boxes[:, 2:4], [row["right"], row["bottom"]])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    both = np.prod(boxes[:, 2:4] - boxes[:, :2], axis=1)
    both = both + (row["right"] - row["left"]) * (row["bottom"] - row["top"]) - shared
    best = int(np.argmax(shared / both))
    return int(boxes[best, 4]) if shared[best] / both[best] >= SMALLEST else -1


def people_of(crops: Path, videos: Path) -> dict[str, int]:
    """The person on each crop, by its path."""
    truth: dict[tuple[str, int], list] = {}
    for file in sorted((videos / "ground-truth").glob("*.txt")):
        for box in read_detections(file):
            truth.setdefault((file.stem, box.frame), []).append([*box.corners, box.track])
    rows = pq.read_table(crops / "manifest.parquet").to_pylist()
    return {
        row["path"]: person_of(row, np.array(truth.get((row["source"], row["frame"]), [])).reshape(-1, 5))
        for row in rows
    }


def share_of_majority(groups: list, people: np.ndarray) -> float:
    """Share of the crops in groups whose person is the most frequent one of their group; group None is none."""
    counts: dict = {}
    for group, person in zip(groups, people, strict=True):
        if group is not None:
            counts.setdefault(group, Counter())[person] += 1
    return sum(max(count.values()) for count in counts.values()) / sum(map(Counter.total, counts.values()))


def main() -> None:
    """Score and print."""
    asked = parse()
    people = people_of(asked.crops, asked.videos)
    rows = pq.read_table(asked.crops / "manifest.parquet").to_pylist()
    clusters = {
        row["path"]: row["cluster"] for row in pq.read_table(asked.run / "clusters.parquet").to_pylist()
    }
    rows = [row for row in rows if people[row["path"]] >= 0]
    who = np.array([people[row["path"]] for row in rows])
    labels = np.array([clusters[row["path"]] for row in rows])
    tracklets = [f"{row['camera']}/{row['tracklet']}" for row in rows]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(tracklets))}
    found = {
        "crops": len(people),
        "crops_of_nobody": len(people) - len(rows),
        "people": len(set(who.tolist())),
        "tracklets": len(numbers),
        "tracklets_of_one_person": sum(
            len({person for name, person in zip(tracklets, who, strict=True) if name == tracklet}) == 1
            for tracklet in numbers
        ),
        "tracklets_majority": share_of_majority(tracklets, who),
        "tracklets_as_clusters": pair_scores(np.array([numbers[name] for name in tracklets]), who),
        "clusters_majority": share_of_majority([None if label < 0 else label for label in labels], who),
        "clusters": pair_scores(labels, who),
    }
    asked.out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
