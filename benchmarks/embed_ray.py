"""Embedding by workers of Ray against one process: throughput, memory by the number of crops, a worker killed midway.

    python benchmarks/embed_ray.py [--crops N] [--workers W] [--backbone NAME] [--json FILE] [--folder DIR]
    python benchmarks/embed_ray.py --table

Draws a synthetic crowd, makes an encoder of random weights, and runs `reseen embed` in processes of their own over a
quarter, a half and all of the crops: by the plain engine, by Ray, and at last by Ray with one worker killed (SIGKILL)
as soon as half of the partitions are there. Pixels are decoded anew in every run. Memory is the most resident memory of
each kind of process, looked at twenty times a second from outside; anonymous memory, without mapped files, stands
beside it. Seconds are those of the whole command, start of Ray and import of libraries included.
"""

import argparse
import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "embed-ray.json"
CAMERAS, IMAGES_PER_CAMERA = 6, 8
_TRAIN_SHARE = 0.9
_PARTITION_NAME = "rows-*.parquet"


def main() -> None:
    """Draw, embed three ways, compare, write."""
    arguments = _parse()
    if arguments.table:
        print(table(json.loads(arguments.json.read_text())))
        return
    from cases.machine import describe

    record: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/embed_ray.py", *sys.argv[1:]]),
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "crops": arguments.crops,
        "workers": arguments.workers,
        "backbone": arguments.backbone,
        **describe(HERE.parent, arguments.threads),
        "runs": [],
    }
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        paths = _draw(folder / "crowd", arguments.crops)
        _encoder(folder, arguments.backbone)
        sizes = [arguments.crops // 4, arguments.crops // 2, arguments.crops]
        for count in sizes:
            manifest = _manifest(folder / "crowd", paths[:count])
            plain = folder / f"plain-{count}.parquet"
            record["runs"].append(_embed("plain", manifest, plain, folder, arguments))
            runs = ["ray"] if count < arguments.crops else ["ray", "ray, one worker killed"]
            for what in runs:
                out = folder / f"{what.partition(',')[0]}-{len(what)}-{count}"
                record["runs"].append(_embed(what, manifest, out, folder, arguments) | _compare(plain, out))
            arguments.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(f"written to {arguments.json}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--crops", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of the plain engine")
    parser.add_argument("--backbone", default="mobilenetv2_100")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="only print what the JSON holds, as Markdown")
    parser.add_argument("--folder", type=Path, help="where crops, pixels and vectors are kept")
    return parser.parse_args()


def table(record: dict[str, Any]) -> str:
    """Markdown, a line for every run."""
    kinds = ("driver", "worker", "others of Ray")
    lines = [
        f"| Engine | Crops | Seconds | Crops/s | {' | '.join(f'Memory, {kind}' for kind in kinds)} | Lost | Doubled |",
        "|---|---:|---:|---:|" + "---:|" * len(kinds) + "---:|---:|",
    ]
    for run in record["runs"]:
        memory = [
            f"{run['peak_bytes'][kind]['RssAnon'] / 1e9:.2f} GB" if kind in run["peak_bytes"] else ""
            for kind in kinds
        ]
        rows = [str(run.get(name, "")) for name in ("rows_lost", "rows_doubled")]
        speed = f"{run['seconds']:.0f} | {run['crops_per_second']:.0f}"
        lines.append(f"| {run['what']} | {run['crops']:,} | {speed} | {' | '.join([*memory, *rows])} |")
    return "\n".join(lines)


def _draw(crowd: Path, count: int) -> list[str]:
    """At least so many training crops; their paths."""
    from reseen.datasets import read_training
    from reseen.synthetic import draw_crowd

    people = int(count / (CAMERAS * IMAGES_PER_CAMERA * _TRAIN_SHARE)) + 4
    draw_crowd(crowd, people, CAMERAS, images_per_camera=IMAGES_PER_CAMERA, share_train=_TRAIN_SHARE)
    table = read_training(crowd)
    root = table.root.relative_to(crowd)
    return [str(root / path) for path in table.paths]


def _manifest(crowd: Path, paths: list[str]) -> Path:
    """A table of some of the crops, as a person would give it."""
    file = crowd / f"first-{len(paths)}.csv"
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(["path"])
        writer.writerows([path] for path in paths)
    return file


def _encoder(folder: Path, backbone: str) -> None:
    """A run of no rounds, on a crowd of its own: random weights embed as fast as learned ones."""
    import reseen
    from reseen.synthetic import draw_crowd

    draw_crowd(folder / "few", 12, 3)
    flags = [
        "--model.backbone",
        backbone,
        "--model.weights",
        "none",
        "--data.height",
        "128",
        "--data.width",
        "64",
    ]
    flags += ["--train.rounds", "0", "--train.device", "cpu"]
    flags += ["--method.sampler.clusters-per-batch", "4", "--method.sampler.images-per-cluster", "4"]
    reseen.train(reseen.load_recipe("cluster-contrast", flags), folder / "few", folder / "run", quiet=True)


def _embed(
    what: str, manifest: Path, out: Path, folder: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    """One run of the command line, watched from outside."""
    words = ["embed", str(folder / "run"), "--data", str(manifest), "--out", str(out), "--quiet"]
    if what != "plain":
        words += ["--engine", "ray", "--workers", str(arguments.workers)]
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(arguments.threads)
    )
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        began = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-c", "from reseen.cli import main; raise SystemExit(main())", *words],
            env=os.environ | threads | {"RESEEN_CACHE": cache},
            stdout=subprocess.DEVNULL,
        )
        partitions = -(-sum(1 for _ in manifest.open()) // 8192)
        memory, killed = _watch(child, out, partitions // 2 or 1 if "killed" in what else None)
        seconds = time.perf_counter() - began
    if child.returncode:
        raise SystemExit(f"{what} ended with {child.returncode}")
    count = int(manifest.stem.rpartition("-")[2])
    print(f"{what}, {count:,} crops: {seconds:.0f} s, {count / seconds:.0f} crops/s, {memory}", flush=True)
    return {
        "what": what,
        "crops": count,
        "seconds": seconds,
        "crops_per_second": count / seconds,
        "peak_bytes": memory,
        "killed_after_seconds": killed,
    }


def _watch(
    child: subprocess.Popen, out: Path, kill_at: int | None
) -> tuple[dict[str, dict[str, int]], float | None]:
    """The most memory of the driver, of a worker and of Ray's other processes together; when a worker was killed."""
    most: dict[str, dict[str, int]] = {}
    began, killed = time.perf_counter(), None
    while child.poll() is None:
        others = {"VmRSS": 0, "RssAnon": 0}
        for process in (child.pid, *_descendants(child.pid)):
            status, words = _status(process), _words(process)
            worker = b"EmbedWorker" in words
            if process != child.pid and not worker:
                others = {name: others[name] + status.get(name, 0) for name in others}
                continue
            _raise(most, "worker" if worker else "driver", status)
            if (
                worker
                and killed is None
                and kill_at is not None
                and len(list(out.glob(_PARTITION_NAME))) >= kill_at
            ):
                os.kill(process, signal.SIGKILL)
                killed = time.perf_counter() - began
        if any(others.values()):
            _raise(most, "others of Ray", others)
        time.sleep(0.05)
    if kill_at is not None and killed is None:
        raise SystemExit("the work was done before a worker could be killed; take more crops")
    return most, killed


def _raise(most: dict[str, dict[str, int]], kind: str, status: dict[str, int]) -> None:
    held = most.setdefault(kind, {"VmRSS": 0, "RssAnon": 0})
    for name in held:
        held[name] = max(held[name], status.get(name, 0))


def _compare(plain: Path, out: Path) -> dict[str, Any]:
    """Rows lost, doubled or out of order, and the largest difference of a vector."""
    ours = pq.ParquetDataset(sorted(out.glob(_PARTITION_NAME))).read()
    theirs = pq.read_table(plain)
    paths, wanted = ours["path"].to_pylist(), theirs["path"].to_pylist()
    counted = Counter(paths)
    found = {
        "rows": len(paths),
        "rows_lost": len(set(wanted) - counted.keys()),
        "rows_doubled": sum(times - 1 for times in counted.values()),
        "same_order": paths == wanted,
    }
    if paths == wanted:
        one, other = (table["vector"].combine_chunks().flatten().to_numpy() for table in (ours, theirs))
        found["largest_difference"] = float(np.abs(one - other).max())
    return found


def _descendants(process: int) -> Iterator[int]:
    """Processes that a process has started, and those that they have."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
    for one in parents:
        above = parents[one]
        while above > 1 and above != process:
            above = parents.get(above, 0)
        if above == process:
            yield one


def _status(process: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    return {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith(" kB")}


def _words(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    main()
