"""The demo over seeds and instruction sets: the range that its scores are to be expected in.

python benchmarks/demo_range.py [--seeds 0 1 2 3 4] [--processors native avx2 sse41] [--threads 1] [--table]

Each run is `reseen demo` in a process and a folder of its own, with that seed for the drawn crowd, the initial weights
and the training. A processor without the newer instructions is emulated by the variables that torch, oneDNN, MKL,
OpenBLAS and faiss read when they are loaded: they then add in another order, and one rounding that falls another way
can decide which crops form a cluster. Every run is written to `--out` when it ends, and one that is in there is not
made again, so the command may be stopped and given again; `--at-once 2` makes two side by side. `--table` prints what
the file holds, and trains nothing.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import commit

from reseen.environment import hardware, versions
from reseen.evaluate.metrics import RetrievalScore
from reseen.files import write_text

RESULT = Path(__file__).parent / "results" / "demo-range.json"
PROCESSORS: dict[str, dict[str, str]] = {
    "native": {},
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "FAISS_OPT_LEVEL": "avx2",
    },
    "sse41": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "OPENBLAS_CORETYPE": "Nehalem",
        "FAISS_OPT_LEVEL": "generic",
    },
}
"""What is set in the environment of a run. x86-64 alone: elsewhere all three are native."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
SCORES = ("mAP", "Rank-1", "Rank-10")


def main() -> None:
    """Make the runs that are missing, or one of them, or the table."""
    arguments = parse()
    if arguments.one is not None:
        print(json.dumps(one(arguments.one)))
        return
    found = read(arguments.out)
    if not arguments.table:
        make_missing(found, arguments)
    print(table(found["runs"]))


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--processors", nargs="+", choices=list(PROCESSORS), default=list(PROCESSORS))
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    parser.add_argument("--at-once", type=int, default=1, help="runs side by side")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--table", action="store_true", help="print the table of the file alone")
    parser.add_argument("--one", type=int, metavar="SEED", help=argparse.SUPPRESS)
    return parser.parse_args()


def read(file: Path) -> dict[str, Any]:
    """What was written so far."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"runs": {}}


def make_missing(found: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Seed by seed, so that what is there after a stop holds every processor of some seeds."""
    every = [(seed, processor) for seed in arguments.seeds for processor in arguments.processors]
    missing = [one for one in every if name_of(*one, arguments.threads) not in found["runs"]]
    with ThreadPoolExecutor(arguments.at_once) as pool:
        waiting = [pool.submit(described, *one, arguments.threads) for one in missing]
        for ended in as_completed(waiting):
            run = ended.result()
            name = name_of(run["seed"], run["processor"], arguments.threads)
            found["runs"][name] = run
            found["command"] = "python benchmarks/demo_range.py"
            write_text(arguments.out, json.dumps(found, indent=1) + "\n")
            print(f"{name}: {run['after']}", flush=True)


def name_of(seed: int, processor: str, threads: int) -> str:
    """A run in the file."""
    return f"seed {seed}, {processor}, threads {threads}"


def described(seed: int, processor: str, threads: int) -> dict[str, Any]:
    """A run and what it is to be read with."""
    began = time.perf_counter()
    code = commit()
    scores = started(seed, processor, threads)
    return {
        "seed": seed,
        "processor": processor,
        **scores,
        "seconds": round(time.perf_counter() - began, 1),
        "environment": PROCESSORS[processor],
        "commit": code,
    }


def started(seed: int, processor: str, threads: int) -> dict[str, Any]:
    """A run in a process of its own, whose libraries read the environment when they are loaded."""
    environment = {name: str(threads) for name in THREADS} | PROCESSORS[processor]
    done = subprocess.run(
        [sys.executable, __file__, "--one", str(seed)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def one(seed: int) -> dict[str, Any]:
    """The demo with this seed, in this process."""
    import torch

    from reseen.runs.recipe import load_recipe
    from reseen.tasks.demo import run_demo

    with tempfile.TemporaryDirectory() as folder:
        made = run_demo(folder, load_recipe("demo", ["--seed", str(seed)]), quiet=True)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "before": percentages(made.before),
        "after": percentages(made.after),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "hardware": hardware(),
        "versions": versions(),
        "processor_seconds": round(sum(each.ru_utime + each.ru_stime for each in used), 1),
    }


def percentages(score: RetrievalScore) -> dict[str, float]:
    """The columns of the README's table."""
    values = (score.mean_average_precision, score.cmc[1], score.cmc[10])
    return {name: round(100 * float(value), 2) for name, value in zip(SCORES, values, strict=True)}


def table(runs: dict[str, Any]) -> str:
    """Mean, lowest and highest, of every processor and of every seed, in Markdown."""
    everything = list(runs.values())
    groups = {"all runs": everything}
    for part in ("processor", "seed"):
        values = dict.fromkeys(run[part] for run in everything)
        groups |= {f"{part} {value}": [r for r in everything if r[part] == value] for value in values}
    lines = [f"| | runs | before | {' | '.join(SCORES)} |", "|---|---|---|" + "---|" * len(SCORES)]
    for name, chosen in groups.items():
        if chosen:
            cells = [span(run["after"][score] for run in chosen) for score in SCORES]
            before = span(run["before"]["mAP"] for run in chosen)
            lines.append(f"| {name} | {len(chosen)} | {before} | {' | '.join(cells)} |")
    return "\n".join(lines)


def span(values: Any) -> str:
    """`mean (lowest to highest)`."""
    numbers = np.array(list(values))
    return f"{numbers.mean():.1f} ({numbers.min():.1f} to {numbers.max():.1f})"


if __name__ == "__main__":
    main()
