"""Arguments and record of what measures trained runs on the unlabelled pool of a protocol."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.accuracy import RESULTS, commit
from benchmarks.protocols import PROTOCOLS

from reseen.environment import hardware, versions
from reseen.files import write_text


def parse(doc: str | None, name: str) -> argparse.Namespace:
    """`protocol`, `data`, `runs` (a list of folders) and `out`, whose default is `name` among the results."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), default="market-mini")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", required=True, help="run folders, comma-separated")
    parser.add_argument("--out", type=Path, default=RESULTS / name)
    arguments = parser.parse_args()
    arguments.runs = [Path(folder) for folder in arguments.runs.split(",")]
    return arguments


def write(arguments: argparse.Namespace, found: dict[str, Any]) -> None:
    """Write one JSON: what was found, and with what."""
    script = Path(sys.argv[0]).name
    record = {
        **found,
        "command": f"python benchmarks/{script} --protocol {arguments.protocol} --data MARKET --runs RUNS",
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(),
    }
    write_text(arguments.out, json.dumps(record, indent=1) + "\n")
