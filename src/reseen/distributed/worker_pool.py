"""Worker processes that the main process starts for the same job, monitors, and ends."""

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
"""Seconds a worker has to end by itself, or to report an error; long, since a machine may be busy."""


class WorkerPool:
    """Processes 1 to `size` - 1, as a context manager that ends all of them.

    Each worker receives its job as one line of JSON on standard input, and exits when its input is closed, that is,
    when this process ends. Ctrl-C reaches only this process, which then ends the workers.
    """

    def __init__(self, size: int, setup: dict[str, Any], work: str, request: dict[str, Any]) -> None:
        self._size = size
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stderr = []
        environment = {
            "OMP_WAIT_POLICY": "PASSIVE",
            **os.environ,
            "OMP_NUM_THREADS": str(setup["threads"]),
            "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path),
        }
        for rank in range(1, size):
            stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed in __exit__
            self._stderr.append(stderr)
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "reseen.tasks.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                start_new_session=True,
            )
            self._processes.append(process)
            job = {"rank": rank, **setup, "work": work, "request": request}
            assert process.stdin is not None
            process.stdin.write(json.dumps(job).encode() + b"\n")
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
        for stderr in self._stderr:
            stderr.close()

    def wait_until_ready(self) -> None:
        """Wait until all workers have started and imported their modules.

        Raises:
            LostProcessError: a worker ended instead.
        """
        for process in self._processes:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                raise LostProcessError("a worker process did not start")

    def reason(self, noticed: LostProcessError) -> Exception:
        """Why a process was lost: the error that a worker reported, how it ended, or else `noticed`."""
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline:
            ended = [index for index, process in enumerate(self._processes) if process.poll() is not None]
            reasons = [reason for index in ended if (reason := self._error(index)) is not None]
            if reasons:
                return reasons[0]
            if len(ended) == len(self._processes):
                break
            time.sleep(0.05)
        return noticed

    def _error(self, index: int) -> Exception | None:
        """The error of a worker that ended; None if it ended because another process was lost."""
        process = self._processes[index]
        assert process.stdout is not None
        lines = [line for line in process.stdout.read().splitlines() if line.startswith(b"{")]
        if lines:
            report = json.loads(lines[-1])
            if report["error"] == LostProcessError.__name__:
                return None
            kind = getattr(errors, report["error"], None)
            return RuntimeError(report["trace"]) if kind is None else kind(report["message"])
        name = f"process {index + 1} of {self._size}, counted from 0,"
        if process.returncode < 0:
            signal_name = signal.Signals(-process.returncode).name
            return LostProcessError(
                f"{name} was killed by {signal_name}, most likely because memory ran out: use fewer --devices, a "
                "smaller batch or smaller crops; all files written so far are complete, continue with --resume"
            )
        self._stderr[index].seek(0)
        tail = self._stderr[index].read().decode(errors="replace").strip().splitlines()[-12:]
        return RuntimeError(f"{name} exited with code {process.returncode}:\n" + "\n".join(tail))
