"""People that pools are made of, and people that every regime is scored on: both of the training split, never the same.

The last 100 of 751 training people, one query per person and camera, are found among their other crops.
No test person is looked at.
"""

from pathlib import Path

import numpy as np
from benchmarks.people import identities_of
from jaxtyping import Int64

from reseen import ImageTable, read_training
from reseen.data.evaluation_table import EvaluationTable
from reseen.tasks.evaluation.score import Benchmark

HELD_OUT = 100


def people_for_pools(root: Path) -> tuple[ImageTable, Int64[np.ndarray, " n"]]:
    """The crops of all training people but the held-out ones, and who is on them."""
    table = read_training(root)
    identities = identities_of(table)
    rows = np.flatnonzero(identities < np.unique(identities)[-HELD_OUT])
    return table.select(rows), identities[rows]


def held_out_benchmark(root: Path) -> Benchmark:
    """Query and gallery of the held-out people."""
    table = read_training(root)
    identities = identities_of(table)
    order = np.random.default_rng(0).permutation(
        np.flatnonzero(identities >= np.unique(identities)[-HELD_OUT])
    )
    _, first = np.unique(identities[order] * 1000 + table.cameras[order], return_index=True)
    query = np.sort(order[first])
    gallery = np.sort(np.setdiff1d(order, query))
    whole = EvaluationTable(table, identities)
    return Benchmark(_select(whole, query), _select(whole, gallery), "market1501 held-out training people")


def _select(table: EvaluationTable, rows: Int64[np.ndarray, " m"]) -> EvaluationTable:
    return EvaluationTable(table.images.select(rows), table.identities[rows])
