"""What a library costs in place of a few lines by hand: CPU seconds, and whether the results have the same bits.

    python benchmarks/libraries.py [--repeat N] [--json FILE]

Each way is run `--repeat` times in turn with the other and the least is kept. CPU seconds are those of this process, so
that other work on the machine matters little. docs/architecture.md says what follows from the figures.
"""

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "libraries.json"
Way = Callable[[], Any]


def main() -> None:
    """Measure, print, write."""
    from cases.machine import describe

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    record: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/libraries.py", *sys.argv[1:]]),
        **describe(HERE.parent, int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))),
        "repeat": arguments.repeat,
        "cases": {},
    }
    for case in (_own_memory, _components, _merges, _average):
        name, library, ways = case()
        seconds: list[list[float]] = [[], []]
        results: list[Any] = [None, None]
        for _ in range(arguments.repeat):
            for number, way in enumerate(ways):
                began = time.process_time()
                results[number] = way()
                seconds[number].append(time.process_time() - began)
        values = {
            "library": library,
            "by_hand_cpu_seconds": round(min(seconds[0]), 4),
            "library_cpu_seconds": round(min(seconds[1]), 4),
            "largest_difference": float(np.abs(np.subtract(*results)).max()),
        }
        record["cases"][name] = values
        print(name, values, flush=True)
    arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _own_memory() -> tuple[str, str, tuple[Way, Way]]:
    from reseen.runs.process_memory import own_bytes

    def by_hand() -> int:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))

    return (
        "anonymous memory, asked 1,000 times",
        "psutil",
        (lambda: next(by_hand() for _ in range(1000)), lambda: next(own_bytes() for _ in range(1000))),
    )


def _components() -> tuple[str, str, tuple[Way, Way]]:
    from reseen.viewer.neighbor_layout import project_to_principal_components

    vectors = np.random.default_rng(0).standard_normal((20_000, 256), np.float32)
    vectors[:, :3] *= [4, 3, 2]

    def by_hand() -> Any:
        centered = vectors.astype(np.float64)
        centered -= centered.mean(axis=0)
        directions = np.linalg.eigh(centered.T @ centered)[1][:, :-3:-1]
        largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0)
        return centered @ (directions * np.sign(largest))

    return (
        "two principal components of 20,000 x 256",
        "scikit-learn",
        (by_hand, lambda: project_to_principal_components(vectors)),
    )


def _merges() -> tuple[str, str, tuple[Way, Way]]:
    from scipy.cluster.hierarchy import DisjointSet

    from reseen.cluster.hierarchy.rules import select_merges

    rows, pairs = 1_000_000, 200_000
    first, second = np.random.default_rng(0).integers(0, rows, (2, pairs))

    def by_library() -> Any:
        groups = DisjointSet(np.unique([first, second]).tolist())
        joins = [groups.merge(one, other) for one, other in zip(first.tolist(), second.tolist(), strict=True)]
        return np.flatnonzero(joins)

    return (
        "200,000 pairs of 1,000,000 rows merged in a chain",
        "SciPy's DisjointSet",
        (lambda: select_merges(first, second, pairs, "chain", np.arange(rows)), by_library),
    )


def _average() -> tuple[str, str, tuple[Way, Way]]:
    import timm
    import torch
    from torch.optim.swa_utils import get_ema_multi_avg_fn

    student = list(timm.create_model("mobilenetv2_100").parameters())
    teachers = [[torch.zeros_like(weights) for weights in student] for _ in range(2)]

    def digest(weights: list[torch.Tensor]) -> Any:
        return np.array([float(values.sum()) for values in weights])

    @torch.no_grad()
    def by_hand() -> Any:
        for _ in range(100):
            for own, current in zip(teachers[0], student, strict=True):
                own.lerp_(current, 0.001)
        return digest(teachers[0])

    @torch.no_grad()
    def by_library() -> Any:
        average = get_ema_multi_avg_fn(0.999)
        for _ in range(100):
            average(teachers[1], student, 0)
        return digest(teachers[1])

    return "100 updates of a teacher, MobileNetV2", "torch's averaged models", (by_hand, by_library)


if __name__ == "__main__":
    main()
