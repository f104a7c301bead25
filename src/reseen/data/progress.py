"""Progress and time left, in one style for all commands.

A bar that is shown in a terminal alone, and only for work that takes more than a few seconds; and the columns of every
other bar.
"""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

PATIENCE_SECONDS = 2.0
"""Seconds before the bar is shown."""


def duration(seconds: float) -> str:
    """Format a duration as `1 h 05 min`, `3 min 20 s` or `12 s`.

    Example:
        >>> duration(200), duration(3_900)
        ('3 min 20 s', '1 h 05 min')
    """
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole} s"


def time_left(seconds: float | None) -> str:
    """What is said of the time that work still takes, such as `3 min 20 s left`; empty while it is not known.

    Example:
        >>> time_left(200), time_left(None)
        ('3 min 20 s left', '')
    """
    return "" if seconds is None else f"{duration(max(seconds, 0))} left"


class TimeLeftColumn(ProgressColumn):
    """The time left of a bar; how long it took, once it is done."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """The text of a bar."""
        if task.finished:
            return Text(f"took {duration(task.finished_time or 0)}", style="dim")
        return Text(time_left(task.time_remaining), style="dim")


def bar_columns() -> tuple[ProgressColumn, ...]:
    """The columns of every bar: what is done, a bar, how many of how many, and the time left."""
    return (
        TextColumn("{task.description}", style="cyan"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeLeftColumn(),
    )


class ProgressBar:
    """A progress bar with the remaining time on standard error, used as a context manager.

    Example:
        >>> with ProgressBar("Decoding crops", 1_000, show=True) as bar:
        ...     bar.advance(64)
    """

    def __init__(self, title: str, total: int, show: bool) -> None:
        console = Console(stderr=True)
        self._bar = Progress(*bar_columns(), console=console, transient=True)
        self._task = self._bar.add_task(title, total=total)
        self._enabled = show and console.is_terminal
        self._start = time.monotonic()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def advance(self, count: int) -> None:
        """Report that `count` more items are done."""
        self._bar.advance(self._task, count)
        if self._enabled and not self._shown and time.monotonic() - self._start > PATIENCE_SECONDS:
            self._bar.start()
            self._shown = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._bar.stop()
