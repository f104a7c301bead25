"""The two sides of a comparison: a run, or the weights that a run started with."""

from dataclasses import dataclass
from pathlib import Path

from reseen.errors import SettingsError
from reseen.models import Encoder
from reseen.runs.run import Run, open_run

UNTRAINED = "untrained"
"""The name of the starting weights of the other side."""


@dataclass(frozen=True)
class Side:
    """An encoder to be compared."""

    name: str
    run: Run
    untrained: bool = False
    """Whether it is the encoder before the first training step of the run."""

    def encoder(self) -> Encoder:
        """The encoder, in evaluation mode on the CPU."""
        return self.run.encoder(untrained=self.untrained)


def open_sides(first: Run | str | Path, second: Run | str | Path) -> tuple[Side, Side]:
    """Both sides; either may be `untrained`, the starting weights of the other.

    Raises:
        RunError: a folder is no run, or holds no starting weights where they are asked for.
        SettingsError: both are `untrained`.
    """
    if first == second == UNTRAINED:
        raise SettingsError("both sides are untrained; give the folder of at least one run")
    if first == UNTRAINED or second == UNTRAINED:
        run = _open(second if first == UNTRAINED else first)
        run.check_start()
        untrained, trained = Side(UNTRAINED, run, True), Side(_name(run), run)
        return (untrained, trained) if first == UNTRAINED else (trained, untrained)
    runs = _open(first), _open(second)
    names = [_name(run) for run in runs]
    if names[0] == names[1]:
        names = [str(run.folder) for run in runs]
    return Side(names[0], runs[0]), Side(names[1], runs[1])


def _open(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else open_run(run)


def _name(run: Run) -> str:
    return run.folder.resolve().name
