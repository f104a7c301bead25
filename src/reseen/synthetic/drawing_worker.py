"""The worker process that draws a part of a crowd; started by `crowd`, with its task as JSON on standard input.

`multiprocessing` is not used, because forking a process with threads can hang, and spawning runs the user's script
again unless it has a main guard.
"""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from reseen.synthetic.schedule import CrowdPlan, planned_shots
from reseen.synthetic.shot import encode_shot

COULD_NOT_WRITE = 74
"""Exit code of a worker that could not write a file."""

_REPORT_EVERY = 32


def draw_shard(folder: Path, plan: CrowdPlan, first: int, step: int) -> Iterator[int]:
    """Draw images `first`, `first + step`, ... of `plan` into `folder`; yields the number drawn since the last yield.

    Raises:
        OSError: a file cannot be written.
    """
    drawn = 0
    for path, shot in islice(planned_shots(plan), first, None, step):
        (folder / path).write_bytes(encode_shot(shot, plan.seed, plan.height, plan.width))
        drawn += 1
        if drawn == _REPORT_EVERY:
            yield drawn
            drawn = 0
    yield drawn


def main() -> int:
    """Read the task from standard input and draw; print progress counts, or an error as a line of JSON to stderr."""
    task = json.load(sys.stdin)
    try:
        for drawn in draw_shard(Path(task["folder"]), CrowdPlan(**task["plan"]), task["first"], task["step"]):
            print(drawn, flush=True)
    except OSError as error:
        print(json.dumps([error.errno, error.strerror, error.filename]), file=sys.stderr)
        return COULD_NOT_WRITE
    return 0
