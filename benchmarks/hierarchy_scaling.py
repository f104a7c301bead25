"""Time and memory of hierarchical clustering against the number of rows, as JSON and as a log-log drawing.

    python benchmarks/hierarchy_scaling.py [--rows N ...] [--threads N] [--json FILE] [--drawing FILE]
    python benchmarks/hierarchy_scaling.py --draw-only

Every measurement is one run in a process of its own, after a small run that loads libraries. Time is that of the
processor, which on one thread is that of an idle machine whatever else runs; seconds on the wall stand beside it. A
slope is that of a line fitted to the logarithms from `FITTED_FROM` rows on: 2 is quadratic. Memory is what a run adds
to its features.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from cases.scaling_chart import draw

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "hierarchy-scaling.json"
DRAWING = HERE.parent / "docs" / "images" / "hierarchy-scaling.svg"
ROWS = (2_000, 8_000, 16_000, 32_000, 64_000, 128_000)
FITTED_FROM = 8_000
DIMENSION, IMAGES_PER_PERSON, NEIGHBORS = 256, 17, 30
_APPROXIMATE, _TREE = "approximate, 13 steps", "fastcluster, whole tree"
MOST_ROWS = {_APPROXIMATE: 128_000, _TREE: 16_000}
"""Of those whose time and memory allow more rows, or fewer, than `MOST_EXACT`."""
MOST_EXACT = 64_000


def main() -> None:
    """Measure what was asked for, write and draw it."""
    arguments = _parse()
    if arguments.child:
        print(json.dumps(_measure(arguments.child, arguments.rows[0], arguments.threads)))
        return
    if not arguments.draw_only:
        from cases.machine import describe

        record = {
            "command": shlex.join(["python", "benchmarks/hierarchy_scaling.py", *sys.argv[1:]]),
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "dimension": DIMENSION,
            **describe(HERE.parent, arguments.threads),
            "parts": {},
        }
        for part in _parts():
            runs = [
                _apart(part, rows, arguments.threads)
                for rows in arguments.rows
                if rows <= MOST_ROWS.get(part, MOST_EXACT)
            ]
            record["parts"][part] = {"slope": _slope(runs), "runs": runs}
        arguments.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    record = json.loads(arguments.json.read_text(encoding="utf-8"))
    arguments.drawing.write_text(draw(record), encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--drawing", type=Path, default=DRAWING)
    parser.add_argument("--draw-only", action="store_true", help="draw what the JSON holds already")
    parser.add_argument("--child", choices=list(_parts()), help=argparse.SUPPRESS)
    return parser.parse_args()


def _parts() -> dict[str, Any]:
    """What is measured: a name, and a function of features."""

    def schedule(engine: str) -> Any:
        def run(features: Any) -> None:
            from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy

            grow_hierarchy(features.numpy, HierarchySettings(engine=engine))

        return run

    def search(features: Any) -> None:
        from reseen.neighbors import nearest

        nearest(features, NEIGHBORS)

    def tree(features: Any) -> None:
        import fastcluster

        fastcluster.linkage(features.numpy.astype(np.float64), "average", "sqeuclidean")

    return {
        "exact, 13 steps": schedule("search"),
        _APPROXIMATE: schedule("approximate"),
        f"exact search of {NEIGHBORS} neighbors": search,
        _TREE: tree,
    }


def _measure(part: str, rows: int, threads: int) -> dict[str, Any]:
    """The child's part."""
    import torch

    from cases.memory import peak_bytes, reset_peak
    from cases.mixture import mixture

    torch.set_num_threads(threads)
    run = _parts()[part]
    run(mixture(400, DIMENSION, 20).features)
    features = mixture(rows, DIMENSION, rows // IMAGES_PER_PERSON).features
    before = reset_peak()
    began, processor = time.perf_counter(), time.process_time()
    run(features)
    return {
        "rows": rows,
        "processor_seconds": time.process_time() - processor,
        "seconds": time.perf_counter() - began,
        "added_bytes": peak_bytes() - before,
    }


def _apart(part: str, rows: int, threads: int) -> dict[str, Any]:
    """Measure in a process of its own."""
    words = [sys.executable, str(HERE / "hierarchy_scaling.py"), "--child", part]
    words += ["--rows", str(rows), "--threads", str(threads)]
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    seconds, gigabytes = found["processor_seconds"], found["added_bytes"] / 1e9
    print(f"{part}, {rows:,} rows: {seconds:.2f} s, {gigabytes:.2f} GB", flush=True)
    return found


def _slope(runs: list[dict[str, Any]]) -> float | None:
    """Exponent of the number of rows in the time."""
    fitted = [run for run in runs if run["rows"] >= FITTED_FROM]
    if len(fitted) < 2:
        return None
    rows, seconds = (np.log([run[key] for run in fitted]) for key in ("rows", "processor_seconds"))
    return round(float(np.polyfit(rows, seconds, 1)[0]), 2)


if __name__ == "__main__":
    main()
