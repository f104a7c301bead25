"""A progress bar that appears only when the work takes a while and somebody is watching."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PATIENCE_SECONDS = 2.0
"""Work shorter than this shows no bar."""


class ProgressBar:
    """Counts items on standard error, with the time left."""

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
        self._wanted = show and console.is_terminal
        self._begun = time.monotonic()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def advance(self, count: int) -> None:
        """Say that `count` more items are done."""
        self._bar.advance(self._task, count)
        if self._wanted and not self._shown and time.monotonic() - self._begun > PATIENCE_SECONDS:
            self._bar.start()
            self._shown = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._bar.stop()
