"""Command lines in a process of their own, which may be killed."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faulting.injection import Injection

HANG_SECONDS = 600.0
"""After which a process that should take seconds is taken for hanging, on a busy machine too."""

_PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int | None
    """Exit code, minus the signal where one ended it; None for one that hung."""
    output: str
    """Standard output and error, as far as they got."""
    writes: int
    """Touches of files below the place of the injection; 0 where the process was killed."""
    seconds: float

    @property
    def explained(self) -> bool:
        """Whether it failed as promised: code 2, one line that says what and what to do, no traceback."""
        said = [line for line in self.output.splitlines() if line.startswith("reseen: ")]
        return self.code == 2 and len(said) == 1 and len(said[0]) > 20 and "Traceback" not in self.output


class Apart:
    """Runs command lines in forks of a process that was started once; a context manager."""

    def __init__(self, log: Path, part: int) -> None:
        """`log` takes what is said, `part` makes the parts of long work small."""
        self._log = log
        self._part = part
        paths = [str(_PROJECT), str(_PROJECT / "src"), os.environ.get("PYTHONPATH", "")]
        self._server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.faulting.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        )

    def __enter__(self) -> "Apart":
        return self

    def __exit__(self, *error: object) -> None:
        self._server.kill()
        self._server.communicate()

    def run(self, commands: list[list[str]], injection: Injection, kill_after: float | None = None) -> Ended:
        """Run command lines until one fails; `kill_after` is in seconds after they began."""
        counted = self._log.with_suffix(".writes")
        counted.unlink(missing_ok=True)
        self._log.write_bytes(b"")
        task = {
            "commands": commands, "log": str(self._log), "counted": str(counted), "part": self._part,
            "place": str(injection.place), "kind": injection.kind, "at": injection.at,
        }  # fmt: skip
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(task) + "\n")
        process = int(self._server.stdout.readline())
        while not self._log.stat().st_size and not self._ends_within(0.002):
            pass  # its first line says that it begins
        began = time.monotonic()
        in_time = self._ends_within(HANG_SECONDS if kill_after is None else kill_after)
        if not in_time:
            with suppress(ProcessLookupError):  # it may end by itself just now
                os.kill(process, signal.SIGKILL)
        code = int(self._server.stdout.readline())
        hung = not in_time and kill_after is None
        writes = int(counted.read_text()) if counted.is_file() else 0
        output = self._log.read_text(encoding="utf-8", errors="replace")
        return Ended(None if hung else code, output, writes, time.monotonic() - began)

    def _ends_within(self, seconds: float) -> bool:
        return bool(select.select([self._server.stdout], [], [], seconds)[0])
