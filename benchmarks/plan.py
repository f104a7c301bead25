"""What `reseen plan` says beside what the work takes, at three sizes of each kind of work.

python benchmarks/plan.py --work train --work embed --work cluster --work index --work vectors

The encoder is untrained. Crops are drawn people where they are clustered (24 of each), which share neighbors as people
do, and noise elsewhere; `vectors` are 256 numbers each, clustered without crops. Every plan and every work is a process
of its own. Writes benchmarks/results/plan.json; a size that is there is not done again. `--table` prints what is there.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import commit

from reseen.environment import hardware, versions
from reseen.files import write_text
from reseen.plan.sample import sample_table, synthetic_features
from reseen.runs.process_memory import own_bytes
from reseen.synthetic import draw_crowd

RESULT = Path(__file__).parent / "results" / "plan.json"
SIZES = {
    "train": (3_000, 9_000, 27_000),
    "embed": (3_000, 9_000, 27_000),
    "cluster": (3_000, 9_000, 27_000),
    "index": (3_000, 9_000, 60_000),
    "vectors": (10_000, 50_000, 150_000),
}
RECIPE = [
    "sphere-contrast", "--model.backbone", "mobilenetv2_100", "--model.weights", "none", "--data.height", "128",
    "--data.width", "64", "--train.rounds", "1", "--train.iterations", "10", "--train.device", "cpu",
    "--method.clustering.metric", "jaccard", "--method.smallest-cluster", "1",
]  # fmt: skip
DIMENSION = 256
CAMERAS, IMAGES_PER_CAMERA = 6, 4
OTHERS = 300
"""Crops that the run is made from which embeds, indexes and clusters."""
CLUSTERING = ["--clustering.stop", "steps"]


def main() -> None:
    """Do what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", action="append", choices=sorted(SIZES), default=[])
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--table", action="store_true", help="only print the table")
    arguments = parser.parse_args()
    rows = json.loads(arguments.out.read_text())["rows"] if arguments.out.is_file() else []
    for work in [] if arguments.table else arguments.work or sorted(SIZES):
        for images in SIZES[work]:
            if not any((row["work"], row["images"]) == (work, images) for row in rows):
                rows.append(compare(work, images))
                record = {"rows": rows, "commit": commit(), "versions": versions(), "hardware": hardware()}
                write_text(arguments.out, json.dumps(record, indent=1) + "\n")
    print_table(rows)


def compare(work: str, images: int) -> dict:
    """Plan and do one piece of work."""
    return compare_vectors(images) if work == "vectors" else compare_crops(work, images)


def compare_vectors(images: int) -> dict:
    """Plan and do a clustering of vectors alone."""
    with tempfile.TemporaryDirectory(prefix="reseen-bench-") as place:
        folder = Path(place)
        np.save(folder / "vectors.npy", synthetic_features(images, DIMENSION).numpy)
        before, vectors = on_disk(folder), str(folder / "vectors.npy")
        planned_in, _ = reseen(
            "plan", "cluster", vectors, *CLUSTERING, "--out", str(folder / "plan.json"), "--quiet"
        )
        plan = folder / "plan.json"
        planned = json.loads(plan.read_text())
        plan.unlink()
        done = ["cluster", vectors, "--out", str(folder / "out.csv"), *CLUSTERING]
        seconds, memory = reseen(*done, "--quiet")
        return row(
            "vectors", images, planned_in, planned, seconds, memory, on_disk(folder) - before, place, done
        )


def compare_crops(work: str, images: int) -> dict:
    """Plan and do a piece of work that starts from crops."""
    with tempfile.TemporaryDirectory(prefix="reseen-bench-") as place:
        folder = Path(place)
        (folder / "crops").mkdir()
        if work in ("train", "cluster"):
            draw_people(folder / "crops", images)
        else:
            sample_table(folder / "crops", None, images)
        data = ["--data", str(folder / "crops")]
        cache = ["--data.cache-dir", str(folder / "cache")]
        run = str(folder / "run")
        if work != "train":
            small = ["--train.iterations", "1", "--train.rounds", "0"]
            (folder / "others").mkdir()  # nothing of the crops lies decoded in the cache yet
            sample_table(folder / "others", None, OTHERS)
            others = ["--data", str(folder / "others")]
            reseen("train", *without(RECIPE, small), *small, *cache, *others, "--out", run, "--quiet")
        if work == "cluster":
            reseen("embed", run, *data, "--out", str(folder / "vectors.parquet"), "--quiet")
        before = on_disk(folder)
        plan = str(folder / "plan.json")
        source = {"train": RECIPE, "cluster": [str(folder / "vectors.parquet"), *data]}.get(work, [run])
        more = CLUSTERING if work == "cluster" else []
        planned_in, _ = reseen(
            "plan", work, *source, *more, "--images", str(images), "--out", plan, "--quiet"
        )
        planned = json.loads(Path(plan).read_text())
        done = {
            "train": ["train", *RECIPE, *cache, *data, "--out", run],
            "embed": ["embed", run, *data, "--out", str(folder / "out.parquet")],
            "cluster": [
                "cluster",
                str(folder / "vectors.parquet"),
                *data,
                "--out",
                str(folder / "out.csv"),
                *more,
            ],
            "index": ["index", run, *data, "--gallery", str(folder / "gallery")],
        }[work]
        seconds, memory = reseen(*done, "--quiet")
        return row(work, images, planned_in, planned, seconds, memory, on_disk(folder) - before, place, done)


def draw_people(folder: Path, images: int) -> None:
    """A crowd whose training set has so many crops, and hardly anything else."""
    people = images // (CAMERAS * IMAGES_PER_CAMERA)
    draw_crowd(
        folder,
        people + 2,
        CAMERAS,
        images_per_camera=IMAGES_PER_CAMERA,
        share_train=people / (people + 2),
        progress=False,
    )


def row(
    work: str,
    images: int,
    planned_in: float,
    planned: dict,
    seconds: float,
    memory: float,
    disk: int,
    place: str,
    done: list[str],
) -> dict:
    """One row of the file."""
    return {
        "work": work,
        "images": images,
        "planned_in": round(planned_in, 1),
        "planned": {name: planned[name] for name in ("seconds", "memory", "disk")},
        "measured": {"seconds": seconds, "memory": memory, "disk": disk},
        "command": " ".join(["reseen", *(word.replace(place, "WORK") for word in done)]),
    }


def reseen(*words: str) -> tuple[float, float]:
    """Run a command; seconds, and the most private memory it was seen with, in bytes."""
    began, peak = time.perf_counter(), 0.0
    process = subprocess.Popen([sys.executable, "-m", "reseen", *words], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, own_bytes(process.pid) or 0.0)
        time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"reseen {' '.join(words)}: exit code {process.returncode}")
    return time.perf_counter() - began, peak


def without(words: list[str], others: list[str]) -> list[str]:
    """Flags without those that are given anew."""
    pairs = zip(words[1::2], words[2::2], strict=True)
    return [words[0], *(word for pair in pairs if pair[0] not in others for word in pair)]


def on_disk(folder: Path) -> int:
    """Bytes that the files of a folder take."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())


def print_table(rows: list[dict]) -> None:
    """Ratios of plan to measurement."""
    table = Table(title="reseen plan: planned against measured", box=None)
    for name in ("work", "crops", "plan took", "time", "", "memory", "", "disk", ""):
        table.add_column(name, justify="right")
    for row in rows:
        cells = []
        for name, unit, word in (("seconds", 1.0, "s"), ("memory", 1e9, "GB"), ("disk", 1e6, "MB")):
            planned, measured = row["planned"][name] / unit, row["measured"][name] / unit
            cells += [f"{planned:.3g} for {measured:.3g} {word}", f"{planned / measured:.2f}"]
        table.add_row(row["work"], f"{row['images']:,}", f"{row['planned_in']:.0f} s", *cells)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
