"""Memory of the process: parsing limits, measuring its use, and keeping freed memory during a loop.

Only private memory is measured: anonymous pages, `RssAnon` on Linux. Pages of mapped files are not counted, because the
system can drop them when memory is short and read them again.

glibc allocates tensors of more than 32 MB directly from the system, and returns them when they are freed. Each step
then touches new pages, which the system must clear and map: on a CPU this took a tenth of the time of a training step,
and more if other processes needed memory too. Inside `kept_memory`, freed memory stays with the process for the next
step; when the block ends, it is returned to the system.
"""

import ctypes
import os
import platform
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self

import psutil
from pydantic import ByteSize, TypeAdapter

from reseen.errors import SettingsError

_AMOUNT = re.compile(r"\d+(\.\d+)?\s*([KMGT]I?)?B?", re.IGNORECASE)
"""Matches the whole text, because `ByteSize` ignores trailing characters."""
_BYTES = TypeAdapter(ByteSize)
_EVERY_SECONDS = 0.01


def parse_memory(text: str) -> int:
    """The number of bytes in a text such as `4GB`, `500 MB`, `1.5GiB` or `800000000`.

    Raises:
        SettingsError: the text has another form, or is less than one byte.

    Example:
        >>> parse_memory("1.5GiB")
        1610612736
    """
    stripped = text.strip()
    amount = _BYTES.validate_python(stripped.rstrip("Bb") + "B") if _AMOUNT.fullmatch(stripped) else 0
    if amount < 1:
        raise SettingsError(f"--memory '{text}': expected an amount of memory such as 4GB, 500MB or 1.5GiB")
    return int(amount)


def show_memory(amount: float) -> str:
    """Format bytes as `1.24 GB` or `310 MB`."""
    return f"{amount / 1e9:.3g} GB" if amount >= 1e9 else f"{amount / 1e6:.0f} MB"


def own_bytes(process: int | None = None) -> int | None:
    """Private memory of a process (by default this one) in bytes; None if it has ended, or not on Linux."""
    try:
        memory = psutil.Process(process).memory_info()
    except (psutil.Error, OSError):
        return None
    return memory.rss - memory.shared if hasattr(memory, "shared") else None


@dataclass(frozen=True)
class MemoryStage:
    """Time and memory of a stage of the work."""

    seconds: float
    peak_bytes: int | None
    """Peak private memory; None if the system does not report it."""


class MemoryWatch:
    """Samples the memory of this process a hundred times a second, and records the peak of each stage.

    Example:
        >>> with MemoryWatch() as watch:
        ...     neighbors = nearest(features, 30)
        ...     watch.finish("neighbors")
        >>> watch.stages["neighbors"].peak_bytes
    """

    def __init__(self) -> None:
        self.stages: dict[str, MemoryStage] = {}
        """Finished stages by name, in order."""
        self._peak = own_bytes()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_end, daemon=True)

    def __enter__(self) -> Self:
        if self._peak is not None:
            self._thread.start()
        self._began = time.perf_counter()
        return self

    def finish(self, stage: str) -> None:
        """Record the stage that just ended under this name, and begin the next."""
        self._sample()
        self.stages[stage] = MemoryStage(time.perf_counter() - self._began, self._peak)
        self._began, self._peak = time.perf_counter(), own_bytes()

    @property
    def peak_bytes(self) -> int | None:
        """Peak private memory of all finished stages; None if unknown."""
        peaks = [stage.peak_bytes for stage in self.stages.values() if stage.peak_bytes is not None]
        return max(peaks, default=None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _sample_until_end(self) -> None:
        while not self._end.wait(_EVERY_SECONDS):
            self._sample()

    def _sample(self) -> None:
        now = own_bytes()
        if now is not None:
            self._peak = max(self._peak or 0, now)


_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Parameters of `mallopt`, from malloc.h."""
_NEVER = -1
_PAD_BYTES = 64 << 20
_USUAL_PAD_BYTES = 128 << 10
_USUAL_TRIM_BYTES = 64 << 20
_USUAL_MMAPS = 65536

_depth = 0


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory in the process until the block ends; has no effect without glibc.

    The environment variables `MALLOC_MMAP_MAX_` and `MALLOC_TRIM_THRESHOLD_` take precedence: if one is set, nothing is
    changed. Blocks can be nested.
    """
    global _depth
    libc = _glibc()
    if libc is None:
        yield
        return
    if _depth == 0:
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
        libc.mallopt(_TOP_PAD, _PAD_BYTES)
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if _depth == 0:
            libc.mallopt(_MMAP_MAX, _USUAL_MMAPS)
            libc.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM_BYTES)
            libc.mallopt(_TOP_PAD, _USUAL_PAD_BYTES)
            libc.malloc_trim(0)


def return_memory() -> None:
    """Return freed memory to the system, so that later allocations are measured; has no effect without glibc."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    if platform.libc_ver()[0] != "glibc":
        return None
    if {"MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"} & os.environ.keys():
        return None
    libc = ctypes.CDLL(None)
    libc.mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
    libc.malloc_trim.argtypes = [ctypes.c_size_t]
    return libc
