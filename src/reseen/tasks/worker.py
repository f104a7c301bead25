"""`python -m reseen.tasks.worker`: one of the processes that `Helpers` starts. Not for people to call."""

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
"""What helpers can do, by name."""


def main() -> int:
    """Do what one line of standard input says, and say on standard output what went wrong."""
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not be taken for an answer
    torch.set_num_threads(order["threads"])
    _say(channel, "ready")
    try:
        load_plugins_of_environment()
        store = dist.TCPStore("127.0.0.1", order["port"], order["size"], is_master=False)
        ranks = join(order["rank"], order["size"], order["rank"], order["device"], store, order["alone"])
        WORK[order["work"]](ranks, order["request"])
        ranks.barrier()
    except Exception as error:
        known = isinstance(error, ReseenError)
        message = {"error": type(error).__name__ if known else "", "message": str(error)}
        _say(channel, json.dumps(message | {"trace": traceback.format_exc()}))
        os._exit(2)  # without waiting for processes that may be stuck
    leave()
    return 0


def _end_with_the_first() -> None:
    """The first process holds the other end of standard input: when it is gone, nobody needs this one."""
    sys.stdin.buffer.read()
    os._exit(1)


def _say(channel: IO[str], line: str) -> None:
    channel.write(line + "\n")
    channel.flush()


if __name__ == "__main__":
    sys.exit(main())
