"""The outcome of a training, `outcome.json`: the verdict on its encoder, and why it stopped early."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from reseen.audit import Verdict, verdict_lines
from reseen.errors import RunError
from reseen.files import write_text
from reseen.reading import read_json_as

OUTCOME = "outcome.json"
"""File in the run folder."""


@dataclass(frozen=True)
class CollapseStop:
    """Why a training was stopped: a round's clusters would have made the encoder worse."""

    round: int
    """The round whose clusters raised alarms with all settings that were tried."""
    kept: int
    """The last good round, whose weights are the result of the run."""
    notes: tuple[str, ...]
    """The alarms, and the settings that were tried."""

    def __str__(self) -> str:
        kept = f"the weights of round {self.kept}" if self.kept else "the starting weights"
        return f"round {self.round} would make the encoder worse: training ends early, the result is {kept}"


@dataclass(frozen=True)
class RunOutcome:
    """The outcome of a training."""

    rounds: int
    """Number of complete rounds that the verdict applies to."""
    stopped: CollapseStop | None
    """Why training stopped early; None if no round collapsed."""
    verdict: Verdict | None
    """Comparison of the encoder with its starting weights; None before the end of training, and with 0 rounds."""


def write_outcome(folder: Path, outcome: RunOutcome) -> None:
    """Write the outcome of a run.

    Raises:
        StorageError: the file cannot be written.
    """
    write_text(folder / OUTCOME, json.dumps(asdict(outcome), indent=1) + "\n")


def drop_outcome(folder: Path) -> None:
    """Delete the outcome of an earlier training in the same folder."""
    (folder / OUTCOME).unlink(missing_ok=True)


def read_outcome(folder: Path) -> RunOutcome | None:
    """The outcome of a run; None if it has none yet.

    Raises:
        RunError: the file is damaged.
    """
    file = folder / OUTCOME
    if not file.is_file():
        return None
    try:
        return read_json_as(RunOutcome, file)
    except (OSError, ValueError) as error:
        raise RunError(
            f"{file}: damaged ({error}); delete it and run `reseen train --resume` to write it again"
        ) from None


def outcome_sentences(folder: Path) -> list[str]:
    """Why training stopped early, if it did, and whether the encoder is better than untrained; empty if unknown.

    Raises:
        RunError: the file is damaged.
    """
    outcome = read_outcome(folder)
    if outcome is None:
        return []
    stopped = [] if outcome.stopped is None else [str(outcome.stopped)]
    if outcome.verdict is None:
        return stopped
    return [*stopped, verdict_lines(outcome.verdict, "untrained", folder.resolve().name)[0]]
