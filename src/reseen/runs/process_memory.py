"""How much memory a process may take, how much it takes, and memory that is kept between the steps of a loop.

What counts is memory of the process's own: anonymous pages, `RssAnon` of Linux. Pages of mapped files are not counted;
the system drops them when memory is short, and reads them again.

glibc takes tensors of more than 32 MB straight from the system and returns them when they are freed. Each step then
touches fresh pages, which the system must find, clear and map: on a CPU that was a tenth of the time of a training
step, and more where other processes wanted memory too. Inside `kept_memory` freed memory stays with the process for
the next step; at its end it is returned.
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


_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Names of the parameters of `mallopt`, from malloc.h."""
_NEVER = -1
_PAD_BYTES = 64 << 20
_USUAL_PAD_BYTES = 128 << 10
_USUAL_TRIM_BYTES = 64 << 20
_USUAL_MMAPS = 65536

_depth = 0


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory in the process until the block ends; does nothing where glibc is not the allocator.

    Nothing is changed where the environment sets `MALLOC_MMAP_MAX_` or `MALLOC_TRIM_THRESHOLD_`: whoever did so has
    chosen. Blocks may be nested.
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
    """Give freed memory back to the system, so that what is taken next is seen as taken; needs glibc, too."""
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
