"""A fault at the n-th time that a process touches a file to write: counted by the interpreter's own audit events."""

import errno
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

BALLAST = ".ballast"
"""The file that fills a disk; whoever injects the fault removes it."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True)
class Injection:
    """What to do at which write below `place`; without a kind the writes are only counted."""

    place: Path
    kind: Literal["count", "kill", "fill", "refuse"] = "count"
    """`kill` the process; `fill` the disk; `refuse` to open a file, as a full disk would, where none can be filled."""
    at: int = 0
    """Counted from 1: opening a file to write, making a folder, renaming, removing, shortening."""


class Events:
    """Counts writes below a place from now on, and lets the fault happen. One per process."""

    def __init__(self, injection: Injection) -> None:
        self.count = 0
        self._place = str(injection.place)
        self._at = injection.at
        faults: dict[str, Callable[[], None]] = {
            "count": _nothing, "kill": _die, "fill": self._fill, "refuse": self._refuse,
        }  # fmt: skip
        self._fault = faults[injection.kind]
        self._busy = self._refusing = False
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple) -> None:
        if self._busy or not _writes(event, arguments) or not _text(arguments[0]).startswith(self._place):
            return
        self.count += 1
        if self.count == self._at:
            self._busy = True
            self._fault()
            self._busy = False
        if self._refusing and event in {"open", "os.mkdir"}:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), _text(arguments[0]))

    def stop(self) -> None:
        """Count no more."""
        self._busy = True

    def _refuse(self) -> None:
        self._refusing = True

    def _fill(self) -> None:
        """Take every byte that is free: from here on the disk is full."""
        descriptor = os.open(f"{self._place}/{BALLAST}", os.O_WRONLY | os.O_CREAT)
        try:
            free = os.fstatvfs(descriptor)
            if free.f_bavail:
                os.posix_fallocate(descriptor, 0, free.f_bavail * free.f_frsize)
        finally:
            os.close(descriptor)


def _writes(event: str, arguments: tuple) -> bool:
    if event == "open":
        path, mode, flags = arguments
        return isinstance(path, str | bytes) and (
            bool(set(mode or "") & set("wax+")) or bool(flags & _WRITING)
        )
    return event in {"os.mkdir", "os.rename", "os.remove", "os.truncate", "os.rmdir"}


def _text(path: object) -> str:
    return os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""


def _nothing() -> None:
    """Count alone."""


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
