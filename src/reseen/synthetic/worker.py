"""Draw one share of a crowd: a process of its own, started by `crowd` and told what to do in JSON.

Processes of their own rather than `multiprocessing`: a fork of a process with threads may hang, and spawning
would run the user's script again unless it is guarded.
"""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from reseen.synthetic.schedule import CrowdPlan, planned_shots
from reseen.synthetic.shot import encode_shot

COULD_NOT_WRITE = 74
"""Exit code of a worker that met a full disk or a place it may not write."""

_REPORT_EVERY = 32


def draw_shard(folder: Path, plan: CrowdPlan, first: int, step: int) -> Iterator[int]:
    """Draw images `first`, `first + step`, ... of `plan` below `folder`; yields counts that add up to all.

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
    """Read the task from the standard input; print counts, or one line of JSON with an error number."""
    task = json.load(sys.stdin)
    try:
        for drawn in draw_shard(Path(task["folder"]), CrowdPlan(**task["plan"]), task["first"], task["step"]):
            print(drawn, flush=True)
    except OSError as error:
        print(json.dumps([error.errno, error.strerror, error.filename]), file=sys.stderr)
        return COULD_NOT_WRITE
    return 0
