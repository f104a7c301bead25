"""Console output of a run: a live table of rounds with the time left, or plain lines without a terminal."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from reseen.data.progress import bar_columns, duration, time_left
from reseen.runs.log import RoundRecord
from reseen.text import printable

Progress = Callable[[int], None]
"""Called with the number of items just done."""

_ROUNDS_SHOWN = 12


def no_progress(count: int) -> None:
    """A `Progress` that shows nothing."""


class RunView:
    """Shows phases and rounds on standard error. A context manager.

    Example:
        >>> with RunView(rounds=50) as view:
        ...     progress = view.phase("round 1: features", total=1000)
        ...     progress(64)
    """

    def __init__(self, rounds: int, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet)
        self._rounds = rounds
        self._records: list[RoundRecord] = []
        self._began = self._latest = time.perf_counter()
        self._rounds_before = 0
        self._stopped = False
        self._bars = Bars(*bar_columns(), console=self._console)
        self._live = Live(console=self._console, get_renderable=self._draw, refresh_per_second=4)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = kind is not None
        for task in list(self._bars.task_ids):
            self._bars.remove_task(task)
        self._live.stop()

    def say(self, *lines: str) -> None:
        """Print lines above the table."""
        for line in lines:
            self._console.print(Text(printable(line), style="dim"), soft_wrap=not self._console.is_terminal)

    def resumed(self, rounds_done: int) -> None:
        """Start the estimate of the time left at this round."""
        self._rounds_before = rounds_done
        self._began = self._latest = time.perf_counter()

    def phase(self, description: str, total: int) -> Progress:
        """Replace the progress bar with a new one; call the result with the number of items just done."""
        for task in list(self._bars.task_ids):
            self._bars.remove_task(task)
        bar = self._bars.add_task(description, total=total)
        if self._console.is_terminal:
            self._live.start()  # not before the first phase: decoding shows its own bar
        return lambda count: self._bars.advance(bar, count)

    def round_done(self, record: RoundRecord) -> None:
        """Add a row to the table, or print a line without a terminal."""
        self._records.append(record)
        self._latest = time.perf_counter()
        if not self._console.is_terminal:
            self._console.print(Text(f"{record.summary()} · {self._status()}"), soft_wrap=True)
        self.say(*(f"round {record.round}: {note}" for note in _notable(record.notes)))

    def stopped_early(self, reason: str) -> None:
        """Print why training ends before its last round."""
        self._rounds = self._rounds_before + len(self._records)
        self.say(reason)

    def _status(self) -> str:
        """The estimated time left, from the mean duration of the rounds so far; at the end, the total time."""
        done = len(self._records)
        left = self._rounds - self._rounds_before - done
        if self._stopped:
            return f"stopped after {duration(time.perf_counter() - self._began)}"
        if not left:
            return f"took {duration(self._latest - self._began)}"
        if not done:
            return "time left: known after a round"
        per_round = (self._latest - self._began) / done
        passed = time.perf_counter() - self._latest
        return time_left(per_round * left - passed)

    def _draw(self) -> Group:
        if not self._rounds:  # no training: only progress bars
            return Group(self._bars)
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in ("round", "loss", "clusters", "noise", "largest", "eps", "images/s", "seconds"):
            table.add_column(name, justify="right")
        for record in self._records[-_ROUNDS_SHOWN:]:
            table.add_row(
                f"{record.round}/{self._rounds}",
                f"{record.loss:.3f}",
                str(record.clusters),
                f"{record.noise_share:.0%}",
                str(record.largest),
                "" if record.eps is None else f"{record.eps:.2f}",
                f"{record.images_per_second:.0f}",
                f"{record.seconds:.0f}",
            )
        done = self._rounds_before + len(self._records)
        status = Text(f"{done} of {self._rounds} rounds · {self._status()}", style="bold")
        return Group(*([table] if self._records else []), status, self._bars)


def _notable(notes: Sequence[str]) -> list[str]:
    """Notes that the table does not show; of many retries only the last two notes, as the log has all."""
    notable = [note for note in notes if not note.startswith("eps auto")]
    skipped = len(notable) - 2
    return (
        [f"{skipped} relaxed settings did not help (log.jsonl lists them)", *notable[-2:]]
        if skipped > 0
        else notable
    )
