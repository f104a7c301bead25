"""Arguments of what measures trained runs on the unlabelled pool of a protocol."""

import argparse
from pathlib import Path

from benchmarks.accuracy import RESULTS
from benchmarks.protocols import PROTOCOLS


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
