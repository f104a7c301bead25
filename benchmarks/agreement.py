"""How pseudo labels agree with the people in the file names, round by round; for the analysis, never for training."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.people import identities_of

from reseen import ImageTable
from reseen.cluster.clustering import cluster_quality
from reseen.records import PseudoLabels

FILE = "agreement.jsonl"


def agreement(labels: PseudoLabels, people: np.ndarray) -> dict[str, float]:
    """Numbers of one clustering; shares and indices over clustered crops alone, 1 at best."""
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    kept = labels.labels >= 0
    found, truth = labels.labels[kept], people[kept]
    majority = sum(np.unique(truth[found == c], return_counts=True)[1].max() for c in np.unique(found))
    quality = cluster_quality(labels)
    return {
        "clusters": labels.cluster_count,
        "people": len(np.unique(truth)),
        "clustered_share": round(float(kept.mean()), 4),
        "adjusted_rand_index": round(float(adjusted_rand_score(truth, found)), 4),
        "normalized_mutual_information": round(float(normalized_mutual_info_score(truth, found)), 4),
        "purity": round(float(majority / len(found)), 4),
        "size_spread": round(quality.size_spread, 4),
        "largest": quality.largest,
    }


def watcher(folder: Path, table: ImageTable) -> Callable[[int, PseudoLabels], None]:
    """A function that notes the agreement of each round beside the run, so that a resumed run keeps its rounds."""
    people = np.unique(identities_of(table), return_inverse=True)[1]

    def note(number: int, labels: PseudoLabels) -> None:
        if len(labels) != len(people):
            raise SystemExit("some crops of the pool cannot be read; agreement cannot be told")
        with (folder / FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"round": number, **agreement(labels, people)}) + "\n")

    return note


def noted(folder: Path) -> list[dict[str, float]]:
    """The rounds so far; of a round that was done twice, the later."""
    if not (folder / FILE).is_file():
        return []
    lines = [json.loads(line) for line in (folder / FILE).read_text(encoding="utf-8").splitlines()]
    return list({line["round"]: line for line in lines}.values())
