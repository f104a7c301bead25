"""How much memory a process may take, and how much it takes.

What counts is memory of the process's own: anonymous pages, `RssAnon` of Linux. Pages of mapped files are not counted;
the system drops them when memory is short, and reads them again.
"""

import re
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil
from pydantic import ByteSize, TypeAdapter

from reseen.errors import SettingsError

_AMOUNT = re.compile(r"\d+(\.\d+)?\s*([KMGT]I?)?B?", re.IGNORECASE)
"""All of the text: `ByteSize` reads the beginning and ignores what follows."""
_BYTES = TypeAdapter(ByteSize)
_EVERY_SECONDS = 0.01


def parse_memory(text: str) -> int:
    """Bytes in `4GB`, `500 MB`, `1.5GiB` or `800000000`.

    Raises:
        SettingsError: it is none of these, or nothing.
    """
    written = text.strip()
    amount = _BYTES.validate_python(written.rstrip("Bb") + "B") if _AMOUNT.fullmatch(written) else 0
    if amount < 1:
        raise SettingsError(f"--memory '{text}': wanted an amount of memory such as 4GB, 500MB or 1.5GiB")
    return int(amount)


def show_memory(amount: float) -> str:
    """`1.24 GB` or `310 MB`."""
    return f"{amount / 1e9:.3g} GB" if amount >= 1e9 else f"{amount / 1e6:.0f} MB"


def own_bytes(process: int | None = None) -> int | None:
    """Anonymous memory of a process, by default this one; None if it has ended, and on systems other than Linux."""
    try:
        memory = psutil.Process(process).memory_info()
    except (psutil.Error, OSError):
        return None
    return memory.rss - memory.shared if hasattr(memory, "shared") else None


@dataclass(frozen=True)
class MemoryStage:
    """What a part of the work took."""

    seconds: float
    peak_bytes: int | None
    """The most memory of its own, None where the system does not say."""


class MemoryWatch:
    """Looks at the memory of this process a hundred times a second, and keeps the most of each stage."""

    def __init__(self) -> None:
        self.stages: dict[str, MemoryStage] = {}
        """Finished stages by name, in order."""
        self._peak = own_bytes()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        if self._peak is not None:
            self._thread.start()
        self._began = time.perf_counter()
        return self

    def finish(self, stage: str) -> None:
        """Say that a stage is done; the next begins."""
        self._note()
        self.stages[stage] = MemoryStage(time.perf_counter() - self._began, self._peak)
        self._began, self._peak = time.perf_counter(), own_bytes()

    @property
    def peak_bytes(self) -> int | None:
        """The most of all finished stages."""
        peaks = [stage.peak_bytes for stage in self.stages.values() if stage.peak_bytes is not None]
        return max(peaks, default=None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(_EVERY_SECONDS):
            self._note()

    def _note(self) -> None:
        now = own_bytes()
        if now is not None:
            self._peak = max(self._peak or 0, now)
