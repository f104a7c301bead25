"""Evaluation against the matrix product that it cannot do without, and against evaluators that sort."""

from statistics import median
from typing import Any

import torch

from cases.case import Case, Options, row, timed
from cases.crowds import crowd
from cases.evaluators import once, peer, scikit_learn
from cases.memory import peak_bytes, reset_peak
from reseen.evaluate import RetrievalTask, score
from reseen.evaluate.details import scan

GOAL = 2.0
"""Evaluation may take this many times as long as the product of all queries with the gallery."""

_PEER_GOAL = 10.0
_BYTES_GOAL = 2e9
_BLOCK = 256


def _run(options: Options) -> dict[str, Any]:
    """Time both in turn, on features that are right about half of the time; medians of several repeats."""
    size = (500, 4_000, 512, 150) if options.quick else (3_368, 15_913, 512, 750)
    task = crowd(*size)
    products, evaluations, details = timed(
        options.repeat,
        lambda: task.query.vectors @ task.gallery.vectors.T,
        lambda: score(task),
        lambda: scan(task),
    )
    ratio = median(evaluations) / median(products)
    against = {
        "against": "the matrix product alone",
        "against_seconds": products,
        "limit": "the product: every similarity has to be computed once",
    }
    name = f"{size[0]:,} x {size[1]:,}, {size[2]}-d"
    return {
        "rows": [
            row(
                f"evaluation {name}", evaluations, **against,
                goal_met=None if options.quick else ratio <= GOAL,
            ),
            row(f"with intervals, verification and pairs of cameras {name}", details, **against),
        ]
    }  # fmt: skip


def _against_peers(options: Options) -> dict[str, Any]:
    """The same numbers by evaluators in Python; those are timed once, since they take minutes."""
    size = (300, 2_000, 512, 100) if options.quick else (3_368, 15_913, 512, 750)
    task = crowd(*size)
    evaluations = timed(options.repeat, lambda: score(task))[0]
    expected = score(task).mean_average_precision
    others = [peer(), ("scikit-learn's average precision per query", scikit_learn)]
    measured = [(name, *once(lambda function=function: function(task))) for name, function in others]
    fastest = min(seconds for _, seconds, _ in measured)
    return {
        "rows": [
            row(
                f"evaluation {size[0]:,} x {size[1]:,}, {size[2]}-d",
                evaluations,
                against=name,
                against_seconds=[seconds],
                limit="",
                note=f"mAP {expected:.6f}, theirs {found:.6f}",
                goal_met=None
                if options.quick or seconds > fastest
                else seconds >= _PEER_GOAL * median(evaluations),
            )
            for name, seconds, found in measured
        ],
        "largest_difference": max(abs(found - expected) for _, _, found in measured),
    }


def _large(options: Options) -> dict[str, Any]:
    """MSMT17's size, where the matrix of similarities alone would take 3.8 GB."""
    size = (600, 4_000, 512, 150) if options.quick else (11_659, 82_161, 512, 3_060)
    task = crowd(*size, cameras=15)
    score(crowd(64, 500, 512, 20))  # loops compile before anything counts
    before = reset_peak()
    seconds, products = [], []
    for _ in range(options.repeat):
        products.append(once(lambda: _product(task))[0])
        seconds.append(once(lambda: score(task))[0])
    peak = peak_bytes()
    met = median(seconds) <= GOAL * median(products) and peak <= _BYTES_GOAL
    return {
        "rows": [
            row(
                f"evaluation {size[0]:,} x {size[1]:,}, {size[2]}-d",
                seconds,
                against="its matrix product in blocks of 256 queries, kept by nobody",
                against_seconds=products,
                limit="the product: every similarity has to be computed once",
                note=f"adds {(peak - before) / 1e9:.2f} GB, whole process {peak / 1e9:.2f} GB",
                goal_met=None if options.quick else met,
            )
        ],
        "memory": {"before_bytes": before, "peak_bytes": peak, "added_bytes": peak - before},
    }


def _product(task: RetrievalTask) -> None:
    block = torch.empty((_BLOCK, len(task.gallery)))
    for queries in task.query.vectors.split(_BLOCK):
        torch.mm(queries, task.gallery.vectors.T, out=block[: len(queries)])


EVALUATION = Case("evaluation", f"at most {GOAL:.0f} times the matrix product alone", _run)
EVALUATION_PEERS = Case(
    "evaluation-peers",
    f"at least {_PEER_GOAL:.0f} times as fast as the fastest in pure Python",
    _against_peers,
)
EVALUATION_MSMT17 = Case("evaluation-msmt17", f"at most {GOAL:.0f} times its matrix product, 2 GB", _large)
