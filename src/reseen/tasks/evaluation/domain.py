"""Whether a run is evaluated on the data set it was trained on, or cross-domain."""

from dataclasses import replace
from pathlib import Path

from reseen.errors import ReseenError
from reseen.evaluate.metrics import RetrievalScore
from reseen.runs.load_table import load_other_table, load_table
from reseen.runs.run import Run


def domain(run: Run, data: str | Path) -> str:
    """`same` if the run was trained on the training split of `data`, else `cross-domain`, or `unknown` without one.

    The training data is compared by fingerprint: paths, sizes and cameras of all crops. A run trained on a part of
    the split counts as `cross-domain`.
    """
    readings = (
        lambda: load_table(run.recipe, data)[0],
        lambda: load_other_table(run.recipe, data),
    )  # by the run's own settings for its data, then by those for other data
    known = False
    for reading in readings:
        try:
            table = reading()
        except ReseenError:
            continue
        known = True
        if table.fingerprint == run.facts["data"]:
            return "same"
    return "cross-domain" if known else "unknown"


def with_domain(score: RetrievalScore, name: str) -> RetrievalScore:
    """The score with the domain recorded among its rules."""
    return replace(score, extra_rules={**score.extra_rules, "domain": name})
