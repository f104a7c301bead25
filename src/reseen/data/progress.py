"""A progress bar that is only shown in a terminal, and only for work that takes more than a few seconds."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PATIENCE_SECONDS = 2.0
"""Seconds before the bar is shown."""


class ProgressBar:
    """A progress bar with the remaining time on standard error, used as a context manager.

    Example:
        >>> with ProgressBar("Decoding crops", 1_000, show=True) as bar:
        ...     bar.advance(64)
    """

    def __init__(self, title: str, total: int, show: bool) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("time left"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
        )
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
