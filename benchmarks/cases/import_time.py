"""`import reseen` in a fresh interpreter, against importing torch: what every program and every `--help` waits for."""

import subprocess
import sys
from typing import Any

from cases.case import Case, Options, row

_GOAL = 0.1
"""Seconds."""


def _seconds(statement: str) -> float:
    """Processor seconds of a statement in a fresh interpreter; unlike seconds of a clock they mind no other program."""
    script = f"import time; began = time.process_time(); {statement}; print(time.process_time() - began)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(result.stdout)


def _run(options: Options) -> dict[str, Any]:
    statements = ("import reseen; dir(reseen); reseen.ReseenError", "import torch")
    for statement in statements:  # the files are then in the system's memory
        _seconds(statement)
    ours, torch = ([_seconds(statement) for _ in range(options.repeat)] for statement in statements)
    fast = sorted(ours)[len(ours) // 2] < _GOAL
    return {
        "rows": [
            row(
                "import reseen, its names and its errors, processor seconds",
                ours,
                against="import torch",
                against_seconds=torch,
                limit="torch is not imported until it is used",
                goal_met=None if options.quick else fast,
            )
        ]
    }


IMPORT = Case("import", "under 0.1 s", _run)
