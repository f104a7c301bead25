"""The memory that a process has for itself, and its peak while something runs."""

import resource
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_PAUSE = 0.01
"""Seconds between two looks."""


def private_bytes(process: int | str = "self") -> float:
    """Anonymous memory of a process in bytes: without files that are mapped, which the system may drop.

    Where the system does not tell (other than Linux): the peak of this whole process so far.
    """
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return float(line.split()[1]) * 1024
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


class PrivatePeak:
    """The most private memory seen within a `with` block, in `bytes`."""

    def __init__(self) -> None:
        self.bytes = 0.0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self.bytes = private_bytes()
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._watcher.join()
        self.bytes = max(self.bytes, private_bytes())

    def _watch(self) -> None:
        while not self._ended.wait(_PAUSE):
            self.bytes = max(self.bytes, private_bytes())
