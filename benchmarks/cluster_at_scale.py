"""Time and memory of `reseen cluster --memory` against the number of vectors, as JSON and as a table.

    python benchmarks/cluster_at_scale.py [--rows N ...] [--memory 4GB] [--threads N] [--only NAME] [--json FILE]
    python benchmarks/cluster_at_scale.py --table-only [--page docs/scale.md]

For every size a mixture of unit vectors is written to disk, and the command line clusters it in a process of its own.
What that process says of its stages is kept, and beside it what is seen from outside: the most anonymous memory
(RssAnon), which is what the budget is about, and the most resident memory, mapped files included. Agreement is the
adjusted Rand index to the people of the mixture; strays are left out. A slope is that of a line fitted to the
logarithms of seconds and rows, from `FITTED_FROM` rows on: 2 is quadratic.
"""

import argparse
import csv
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from cases.scale_plan import fill, measured, plan

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "cluster-at-scale.json"
ROWS = (50_000, 100_000, 200_000, 1_000_000)
FITTED_FROM = 200_000
"""From here on every search is approximate."""
DIMENSION, IMAGES_PER_PERSON = 256, 17
WAYS = {
    "dbscan": ["--method", "dbscan", "--clustering.eps", "auto"],
    "hierarchy": ["--method", "hierarchy", "--clustering.steps", "13"],
}
_CHECKED = 2_000
"""Rows whose neighbors are looked for exactly, to tell what an approximate search found."""


def main() -> None:
    """Measure what was asked for, write it, print it."""
    arguments = _parse()
    if arguments.draw:
        _draw(arguments.rows[0], Path(arguments.draw))
        return
    if not arguments.table_only:
        from cases.machine import describe

        record = {
            "command": shlex.join(["python", "benchmarks/cluster_at_scale.py", *sys.argv[1:]]),
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "dimension": DIMENSION,
            "memory": arguments.memory,
            **describe(HERE.parent, arguments.threads),
            "ways": {},
        }
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in arguments.only or WAYS}
        for rows in arguments.rows:
            with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
                _apart(rows, folder, arguments.threads)
                for name, found in runs.items():
                    found.append(_measure(name, rows, Path(folder), arguments.memory, arguments.threads))
                    record["ways"][name] = {"runs": found, "slopes": _slopes(found)}
                    arguments.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    record = json.loads(arguments.json.read_text(encoding="utf-8"))
    print(measured(record))
    print(plan(record))
    if arguments.page:
        fill(arguments.page, "measured", measured(record))
        fill(arguments.page, "plan", plan(record))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--memory", default="4GB", help="the budget")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="+", choices=list(WAYS))
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument(
        "--folder", type=Path, help="where vectors and work are kept, on a disk and not in memory"
    )
    parser.add_argument("--table-only", action="store_true", help="print what the JSON holds already")
    parser.add_argument("--page", type=Path, help="put the tables into this page, such as docs/scale.md")
    parser.add_argument("--draw", help=argparse.SUPPRESS)
    return parser.parse_args()


def _draw(rows: int, folder: Path) -> None:
    """The child that writes vectors, so that its memory is gone afterwards."""
    from cases.mixture import mixture

    made = mixture(rows, DIMENSION, max(2, rows // IMAGES_PER_PERSON))
    np.save(folder / "vectors.npy", made.features.numpy)
    np.save(folder / "people.npy", made.identities)


def _apart(rows: int, folder: str, threads: int) -> None:
    words = [sys.executable, str(HERE / "cluster_at_scale.py"), "--draw", folder, "--rows", str(rows)]
    subprocess.run(words, env=_environment(threads), check=True)


def _measure(name: str, rows: int, folder: Path, memory: str, threads: int) -> dict[str, Any]:
    """One run of the command line, watched from outside."""
    out = folder / f"{name}.csv"
    words = ["-c", "from reseen.cli import main; main()", "cluster", str(folder / "vectors.npy")]
    words += ["--out", str(out), "--memory", memory]
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *words, "--quiet", *WAYS[name]], env=_environment(threads), stdout=subprocess.DEVNULL
    )
    seen, watch = _watched(child.pid)
    status = child.wait()
    seconds = time.perf_counter() - began
    watch.join()
    if status:
        raise SystemExit(f"{name} of {rows:,} rows ended with {status}")
    summary = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    found = {
        "rows": rows,
        "seconds": seconds,
        "most_anonymous_bytes": seen["RssAnon"],
        "most_resident_bytes": seen["VmRSS"],
        **{key: summary[key] for key in ("memory", "stages", "clusters", "in_none", "notes")},
        "adjusted_rand_index": _agreement(out, np.load(folder / "people.npy")),
        "recall_of_other_neighbors": _recall(folder, summary["settings"]["search"]),
    }
    print(
        f"{name}, {rows:,} rows: {seconds:.1f} s, {seen['RssAnon'] / 1e9:.2f} GB of its own, "
        f"index {found['adjusted_rand_index']:.3f}",
        flush=True,
    )
    return found


def _watched(process: int) -> tuple[dict[str, int], threading.Thread]:
    """The most memory of another process by the kernel's words for it, filled while it runs."""
    seen = {"RssAnon": 0, "VmRSS": 0}

    def look() -> None:
        status = Path(f"/proc/{process}/status")
        while True:
            try:
                lines = status.read_text(encoding="ascii").splitlines()
            except OSError:
                return
            values = {line.partition(":")[0]: line.split()[1] for line in lines if line.endswith("kB")}
            if "RssAnon" not in values:  # it has ended, and is waited for
                return
            for name in seen:
                seen[name] = max(seen[name], int(values[name]) * 1024)
            time.sleep(0.01)

    thread = threading.Thread(target=look)
    thread.start()
    return seen, thread


def _agreement(out: Path, people: np.ndarray) -> float:
    from sklearn.metrics import adjusted_rand_score

    with out.open(encoding="utf-8", newline="") as lines:
        labels = np.fromiter((int(row["cluster"]) for row in csv.DictReader(lines)), np.int64, len(people))
    alone = labels < 0
    labels[alone] = labels.max() + 1 + np.arange(int(alone.sum()))  # rows in no cluster are not together
    known = people >= 0
    return float(adjusted_rand_score(people[known], labels[known]))


def _recall(folder: Path, search: dict[str, Any]) -> float | None:
    """Share of the 16 nearest others of some rows that a search by these settings finds; None where it is exact."""
    import torch

    from reseen.neighbors.out_of_core import Scratch, SearchSettings
    from reseen.neighbors.out_of_core.inverted_lists_on_disk import InvertedListsOnDisk, search_shards
    from reseen.records import Features

    settings = SearchSettings(**search)
    rows = Features(torch.from_numpy(np.load(folder / "vectors.npy", mmap_mode="c"))).numpy
    if not settings.approximates(len(rows)):
        return None
    queries = np.sort(np.random.default_rng(0).choice(len(rows), _CHECKED, replace=False))
    lists = InvertedListsOnDisk(rows, Scratch(folder / "recall"), "recall")
    _, found = lists.search(queries, 16, settings.probes)
    _, true = search_shards(rows, queries, 16)
    return float(np.mean([np.isin(one, other).mean() for one, other in zip(true, found, strict=True)]))


def _slopes(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Exponent of the number of rows in the seconds of each stage."""
    fitted = [run for run in runs if run["rows"] >= FITTED_FROM]
    if len(fitted) < 2:
        return {}
    rows = np.log([run["rows"] for run in fitted])
    return {
        stage: round(
            float(np.polyfit(rows, np.log([run["stages"][stage]["seconds"] for run in fitted]), 1)[0]), 2
        )
        for stage in fitted[0]["stages"]
    }


def _environment(threads: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return os.environ | dict.fromkeys(names, str(threads))


if __name__ == "__main__":
    main()
