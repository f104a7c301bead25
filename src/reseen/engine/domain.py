"""Whether a run is scored on the kind of data it learned from."""

from dataclasses import replace
from pathlib import Path

from reseen.engine.read import read_other_table, read_table
from reseen.engine.run import Run
from reseen.errors import ReseenError
from reseen.evaluate.metrics import RetrievalScore


def domain(run: Run, data: str | Path) -> str:
    """`same` where the training split beside query and gallery is what the run learned from, else `cross-domain`.

    The two are compared by fingerprint: paths, sizes and cameras of all crops. Where `data` has no training split,
    nothing is known and this is `unknown`. A run that learned from a part of the split counts as `cross-domain`.
    """
    readings = (
        lambda: read_table(run.recipe, data)[0],
        lambda: read_other_table(run.recipe, data),
    )  # as the run read its own data, then as any data is read
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
    """The score, which says the domain among its rules."""
    return replace(score, extra_rules={**score.extra_rules, "domain": name})
