"""Compare the map's layout with those of openTSNE and UMAP: CPU seconds, and how many neighbors stay neighbors.

    pip install opentsne umap-learn
    python benchmarks/layouts.py [--crops N] [--dimension D] [--json FILE]

Crops are a mixture of one group per 70 on the sphere. Each layout is computed once before on 500 crops, so that most
compiling is not counted; what UMAP compiles for a search among more than 4,096 rows is. A library that is not installed
is left out.
"""

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "layouts.json"
_NEIGHBORS = 15


def main() -> None:
    """Measure, print, write."""
    from cases.machine import describe

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--crops", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    record: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/layouts.py", *sys.argv[1:]]),
        **describe(HERE.parent, int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))),
        "crops": arguments.crops,
        "layouts": {},
    }
    vectors, groups = _mixture(arguments.crops, arguments.dimension)
    for name, (package, layout) in {
        "ours": ("reseen", _ours),
        "openTSNE": ("opentsne", _opentsne),
        "UMAP": ("umap-learn", _umap),
    }.items():
        if name != "ours" and not find_spec({"openTSNE": "openTSNE", "UMAP": "umap"}[name]):
            continue
        values = {"version": metadata.version(package)} | _measure(layout, vectors, groups)
        record["layouts"][name] = values
        print(name, values, flush=True)
    arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _measure(layout: Callable[[Any], Any], vectors: Any, groups: Any) -> dict[str, float]:
    layout(vectors[:500])
    began, spent = time.perf_counter(), time.process_time()
    coordinates = np.asarray(layout(vectors), np.float32)
    wall, cpu = time.perf_counter() - began, time.process_time() - spent
    near, kept = _nearest(vectors), _nearest(coordinates)
    shared = np.mean([len(np.intersect1d(a, b)) for a, b in zip(near, kept, strict=True)]) / _NEIGHBORS
    same = np.mean(groups[kept] == groups[:, None])
    return {
        "cpu_seconds": round(cpu, 2),
        "seconds": round(wall, 2),
        "share_of_neighbors_kept": round(float(shared), 4),
        "share_of_neighbors_in_the_group": round(float(same), 4),
    }


def _nearest(rows: Any) -> Any:
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=_NEIGHBORS).fit(rows).kneighbors(return_distance=False)


def _ours(vectors: Any) -> Any:
    from reseen.viewer.neighbor_layout import neighbor_layout

    return neighbor_layout(vectors)


def _opentsne(vectors: Any) -> Any:
    from openTSNE import TSNE

    return TSNE(n_jobs=int(os.environ.get("OMP_NUM_THREADS", 2)), random_state=0).fit(vectors)


def _umap(vectors: Any) -> Any:
    from umap import UMAP

    return UMAP(n_neighbors=_NEIGHBORS, random_state=0, n_jobs=1).fit_transform(vectors)


def _mixture(count: int, dimension: int) -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    groups = generator.integers(0, max(1, count // 70), count)
    rows = generator.standard_normal((groups.max() + 1, dimension), np.float32)[groups]
    rows += 0.7 * generator.standard_normal((count, dimension), np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), groups


if __name__ == "__main__":
    main()
