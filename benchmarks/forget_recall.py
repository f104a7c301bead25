"""How much of a person `reseen forget --like` finds, and how much of other people it takes along.

    python benchmarks/forget_recall.py RUN --data DIR --threshold 0.47 [--name NAME] [--table]

For 50 query people of `market-mini`, one or three query images (of different cameras) are searched for among the
gallery of that protocol, as `forget --like` does, at a threshold and at higher ones, with 0, 1 and 3 rounds of feedback
and until nothing new appears. Identities are read to score what was found, and for nothing else.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.cases.machine import commit
from benchmarks.protocols import PROTOCOLS

from reseen.data.crops import open_crops
from reseen.data.evaluation_table import EvaluationTable
from reseen.environment import hardware, versions
from reseen.features.extract import extract
from reseen.files import write_text
from reseen.gallery.selection import find_similar
from reseen.runs.run import Run, open_run

RESULTS = Path(__file__).parent / "results" / "forget-recall.json"
PROTOCOL = "market-mini"
ROUNDS = (0, 1, 3, None)
IMAGES = (1, 3)
PEOPLE = 50
"""Query people, evenly taken from the list of all."""
OFFSETS = (0.0, 0.1, 0.2)
"""Added to the threshold."""


def main() -> None:
    """Measure one run beside those in the file of results, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, nargs="?", help="a run folder")
    parser.add_argument("--data", type=Path, help="a folder in the Market-1501 layout")
    parser.add_argument("--threshold", type=float, help="lowest similarity, such as the calibrated one")
    parser.add_argument(
        "--name", help="what the run is called in the table; its folder's name when not given"
    )
    parser.add_argument(
        "--vectors", type=Path, help="keep the vectors in this .npz file, or take them from it"
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="only print the table")
    arguments = parser.parse_args()
    found = json.loads(arguments.results.read_text()) if arguments.results.is_file() else {"runs": {}}
    if not arguments.table:
        if arguments.run is None or arguments.data is None or arguments.threshold is None:
            parser.error("a run, --data and --threshold are needed to measure")
        name = arguments.name or arguments.run.name
        found["runs"][name] = measure(
            open_run(arguments.run), arguments.data, arguments.threshold, arguments.vectors
        )
        found |= {
            "command": "python benchmarks/forget_recall.py RUN --data DIR --threshold NUMBER --name NAME",
            "commit": commit(Path(__file__).resolve().parents[1]),
            "versions": versions(),
            "hardware": hardware(),
        }
        write_text(arguments.results, json.dumps(found, indent=1) + "\n")
    print(table(found["runs"]))


def measure(run: Run, data: Path, threshold: float, vectors: Path | None = None) -> dict:
    """All cells of a run."""
    query, people, cameras, gallery, identities = _all_vectors(run, data, vectors)
    keys = [str(row) for row in range(len(gallery))]
    drawn = np.unique(people)[:: max(1, len(np.unique(people)) // PEOPLE)]
    cells = []
    for offset in OFFSETS:
        for images in IMAGES:
            found = []
            for person in drawn:
                rows = _images(np.flatnonzero(people == person), cameras, images)
                alike = find_similar(lambda: [(keys, gallery)], query[rows], threshold + offset)
                taken = np.array([int(key) for key in alike.keys], dtype=np.int64)
                found.append((person, identities[taken], np.array(alike.rounds, dtype=np.int64)))
            cells += [_cell(offset, images, rounds, found, identities) for rounds in ROUNDS]
            print(cells[-4:], file=sys.stderr, flush=True)
    return {
        "rounds_trained": run.rounds_done,
        "method": run.recipe.method.name,
        "threshold": threshold,
        "people": len(drawn),
        "gallery": len(gallery),
        "crops_per_person": float(np.mean([np.sum(identities == person) for person in drawn])),
        "cells": cells,
    }


def table(runs: dict) -> str:
    """Markdown, as in docs/security.md: share of the person's crops found, and wrongly taken crops, by rounds."""
    lines = []
    for name, run in runs.items():
        head = " | ".join(f"{_rounds(rounds)}" for rounds in ROUNDS)
        lines += [f"{name}", "", f"| Threshold | Images | {head} |", f"|---|---|{'---|' * len(ROUNDS)}"]
        for offset in OFFSETS:
            for images in IMAGES:
                cells = [
                    f"{cell['found']:.0%}, {cell['wrong_median']:,.0f} wrong"
                    for cell in run["cells"]
                    if (cell["offset"], cell["images"]) == (offset, images)
                ]
                lines.append(f"| {run['threshold'] + offset:.2f} | {images} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _cell(offset: float, images: int, rounds: int | None, found: list, identities: np.ndarray) -> dict:
    """Scores of what was found up to a round; a later round never takes back what an earlier one found."""
    shares, wrong = [], []
    for person, taken, number in found:
        until = taken if rounds is None else taken[number <= rounds]
        shares.append(float((until == person).sum() / (identities == person).sum()))
        wrong.append(int((until != person).sum()))
    return {
        "offset": offset,
        "images": images,
        "rounds": rounds,
        "found": float(np.mean(shares)),
        "found_all": float(np.mean(np.array(shares) == 1)),
        "wrong_mean": float(np.mean(wrong)),
        "wrong_median": float(np.median(wrong)),
        "wrong_ninth_decile": float(np.quantile(wrong, 0.9)),
    }


def _images(rows: np.ndarray, cameras: np.ndarray, count: int) -> np.ndarray:
    """The first query image of so many cameras."""
    _, first = np.unique(cameras[rows], return_index=True)
    return rows[np.sort(first)][:count]


def _all_vectors(run: Run, data: Path, kept: Path | None) -> tuple[np.ndarray, ...]:
    """Query vectors, their people and cameras, gallery vectors and their people; read from a file where one is kept."""
    if kept is not None and kept.is_file():
        with np.load(kept, allow_pickle=False) as arrays:
            return tuple(arrays[name] for name in ("q", "qi", "qc", "g", "gi"))
    benchmark = PROTOCOLS[PROTOCOL].benchmark(data)
    query, gallery = _vectors(run, benchmark.query), _vectors(run, benchmark.gallery)
    if kept is not None:
        np.savez(kept, q=query[0], qi=query[1], qc=query[2], g=gallery[0], gi=gallery[1])
    return *query, *gallery[:2]


def _vectors(run: Run, table: EvaluationTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    encoder = run.encoder()
    crops = open_crops(table.images, run.reading, encoder.height, encoder.width, progress=False)
    assert len(crops) == len(table.images)
    return extract(encoder, crops, "cpu").numpy, table.identities, table.images.cameras


def _rounds(rounds: int | None) -> str:
    return "until nothing new" if rounds is None else f"{rounds} rounds" if rounds != 1 else "1 round"


if __name__ == "__main__":
    main()
