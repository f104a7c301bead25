"""`python -m reseen.tasks.worker`: entry point of the processes that `WorkerPool` starts. Not for direct use."""

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any

import torch
import torch.distributed as dist

from reseen.distributed.launch import join, leave
from reseen.distributed.process_group import ProcessGroup
from reseen.errors import ReseenError
from reseen.features.embed import embed_in_worker
from reseen.registry import load_plugins_of_environment
from reseen.tasks.evaluation.score import evaluate_in_worker
from reseen.training.train import train_in_worker

WORK: dict[str, Callable[[ProcessGroup, dict[str, Any]], None]] = {
    "embed": embed_in_worker,
    "evaluate": evaluate_in_worker,
    "train": train_in_worker,
}
"""The jobs of worker processes, by name."""


def main() -> int:
    """Run the job in the first line of standard input; report `ready`, and an error as JSON, on standard output."""
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_exit_with_main_process, daemon=True).start()
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # output of libraries must not be mistaken for a report
    torch.set_num_threads(job["threads"])
    _send(channel, "ready")
    try:
        load_plugins_of_environment()
        store = dist.TCPStore("127.0.0.1", job["port"], job["size"], is_master=False)
        ranks = join(job["rank"], job["size"], job["rank"], job["device"], store, job["alone"])
        WORK[job["work"]](ranks, job["request"])
        ranks.barrier()
    except Exception as error:
        known = isinstance(error, ReseenError)
        message = {"error": type(error).__name__ if known else "", "message": str(error)}
        _send(channel, json.dumps(message | {"trace": traceback.format_exc()}))
        os._exit(2)  # without waiting for processes that may be stuck
    leave()
    return 0


def _exit_with_main_process() -> None:
    """Exit when standard input is closed, that is, when the main process has ended."""
    sys.stdin.buffer.read()
    os._exit(1)


def _send(channel: IO[str], line: str) -> None:
    channel.write(line + "\n")
    channel.flush()


if __name__ == "__main__":
    sys.exit(main())
