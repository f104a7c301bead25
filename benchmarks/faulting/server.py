"""A process that has everything imported and forks one for each command line it is sent, which then starts at once.

It reads a task per line (JSON) and answers with the number of the new process, later with its exit code.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from benchmarks.faulting.injection import Events, Injection


def serve() -> None:
    """Fork for every line of standard input."""
    import benchmarks.faulting.warm  # noqa: F401

    for line in sys.stdin:
        task = json.loads(line)
        process = os.fork()
        if not process:
            _run(task)
        print(process, flush=True)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(task: dict[str, Any]) -> None:
    """Run the command lines of a task until one fails, with all that is said in a file."""
    said = os.open(task["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(said, stream)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[attr-defined]
    place = Path(task["place"])
    os.environ["RESEEN_CACHE"] = str(place / "cache")
    os.environ["XDG_STATE_HOME"] = str(place / "state")
    from reseen.cli import main
    from reseen.features import embed
    from reseen.gallery import index

    embed.PART = index.PART = task["part"]
    code = 0
    events = Events(Injection(place, task["kind"], task["at"]))
    print("begins")
    try:
        for command in task["commands"]:
            code = code or main(command)
    except BaseException:
        traceback.print_exc()
        code = 1
    events.stop()
    Path(task["counted"]).write_text(str(events.count))
    sys.stdout.flush()
    os._exit(code)  # no tidying up of what was forked


if __name__ == "__main__":
    serve()
