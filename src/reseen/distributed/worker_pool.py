"""WorkerPool: processes that this one starts to do the same work, watches, and ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from reseen import errors
from reseen.errors import LostProcessError

_GRACE = 120.0
"""Seconds that a helper gets to end by itself, or to say why it failed: many, since a machine may be busy."""


class WorkerPool:
    """Processes 1 to `size` - 1; a context manager that leaves none behind.

    They are told what to do in one line of JSON, and see by the end of their input that this process is gone. Ctrl-C
    reaches this process alone, which ends them.
    """

    def __init__(self, size: int, place: dict[str, Any], work: str, request: dict[str, Any]) -> None:
        self._size = size
        self._processes: list[subprocess.Popen[bytes]] = []
        self._words = []
        environment = {
            "OMP_WAIT_POLICY": "PASSIVE",
            **os.environ,
            "OMP_NUM_THREADS": str(place["threads"]),
            "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path),
        }
        for rank in range(1, size):
            words = tempfile.TemporaryFile()  # noqa: SIM115  closed in __exit__
            self._words.append(words)
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "reseen.tasks.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                env=environment,
                start_new_session=True,
            )
            self._processes.append(process)
            order = {"rank": rank, **place, "work": work, "request": request}
            assert process.stdin is not None
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        deadline = time.monotonic() + (_GRACE if kind is None else 0)
        for process in self._processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        for words in self._words:
            words.close()

    def wait_until_ready(self) -> None:
        """Wait until all have loaded what they need.

        Raises:
            LostProcessError: one has ended instead.
        """
        for process in self._processes:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                raise LostProcessError("a helping process did not start")

    def reason(self, noticed: LostProcessError) -> Exception:
        """Why a process is gone: what a helper said last, how it ended, or else what was `noticed` of it here."""
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline:
            ended = [place for place, process in enumerate(self._processes) if process.poll() is not None]
            reasons = [reason for place in ended if (reason := self._said(place)) is not None]
            if reasons:
                return reasons[0]
            if len(ended) == len(self._processes):
                break
            time.sleep(0.05)
        return noticed

    def _said(self, place: int) -> Exception | None:
        """None where a helper ended because another was gone."""
        process = self._processes[place]
        assert process.stdout is not None
        lines = [line for line in process.stdout.read().splitlines() if line.startswith(b"{")]
        if lines:
            said = json.loads(lines[-1])
            if said["error"] == LostProcessError.__name__:
                return None
            kind = getattr(errors, said["error"], None)
            return RuntimeError(said["trace"]) if kind is None else kind(said["message"])
        name = f"process {place + 1} of {self._size}, counted from 0,"
        if process.returncode < 0:
            by = signal.Signals(-process.returncode).name
            return LostProcessError(
                f"{name} was killed by {by}, most often because memory ran out: take fewer --devices, a smaller batch "
                "or smaller crops; what is written so far is whole, and --resume goes on"
            )
        self._words[place].seek(0)
        last = self._words[place].read().decode(errors="replace").strip().splitlines()[-12:]
        return RuntimeError(f"{name} ended with code {process.returncode}:\n" + "\n".join(last))
