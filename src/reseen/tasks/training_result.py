"""What to read and what to do after training."""

from pathlib import Path
from typing import Literal

from reseen.audit import verdict_lines
from reseen.datasets import PATTERNED, Layout, detect
from reseen.runs.outcome import read_outcome
from reseen.runs.run import Run


def outcome_sentences(run: Run) -> list[str]:
    """Why training ended early, if it did, and whether the encoder is better than untrained.

    Raises:
        RunError: `outcome.json` is damaged.
    """
    outcome = read_outcome(run.folder)
    if outcome is None:
        return []
    stopped = [] if outcome.stopped is None else [str(outcome.stopped)]
    if outcome.verdict is None:
        return stopped
    return [*stopped, verdict_lines(outcome.verdict, "untrained", run.folder.resolve().name)[0]]


def next_command(data: str | Path) -> Literal["audit", "evaluate"]:
    """The command that fits the data: benchmarks can be evaluated; other folders have no identities to evaluate with.

    Raises:
        DataError: nothing is there.
    """
    own = (*PATTERNED, Layout.MANIFEST, Layout.SHARDS, Layout.LUPERSON)
    return "audit" if detect(Path(data).expanduser()) in own else "evaluate"
