"""Inject faults and count how they end; one file of results, resumable.

    python benchmarks/faults.py [--kind NAME ...] [--count N] [--desk DIR] [--table]

Kinds: `mutated FORMAT` and `replaced values FORMAT` (1,000 files each), `killed WORK` (50 times each), `full disk WORK`
(at each write). What is counted already is not done again; delete it from the file of results to begin anew. Full disks
need the right to mount a file system; without it, opening files is refused in their place, and the table says so.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.faulting.apart import Apart
from benchmarks.faulting.counts import Counts
from benchmarks.faulting.desk import lay
from benchmarks.faulting.formats import FORMATS, STRUCTURED
from benchmarks.faulting.fuzzer import outcomes
from benchmarks.faulting.interruptions import Interruptions, small_disk
from benchmarks.faulting.works import PART, WORKS

from reseen.environment import versions
from reseen.files import write_text

RESULTS = Path(__file__).parent / "results" / "faults.json"
KINDS = (
    *(f"mutated {name}" for name in FORMATS),
    *(f"replaced values {name}" for name in STRUCTURED),
    *(f"killed {work.name}" for work in WORKS),
    *(f"full disk {work.name}" for work in WORKS),
)
FILES = ("mutated ", "replaced values ")
COLUMNS = (
    ("injected", "injected"), ("survived", "survived"), ("lost_rounds", "rounds lost"),
    ("corrupt_files", "files corrupt"), ("other_bits", "other bits"), ("unexplained", "crashes without a message"),
    ("hangs", "hangs"), ("code_run", "code run"),
)  # fmt: skip
_DISK_MEGABYTES = 900
_EVERY = 25


def main() -> int:
    """Do what is missing, then print the table; 0 where everything was survived."""
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # mounted disks are let go of, as by Ctrl-C
    found = read(arguments.results)
    if not arguments.table:
        lay(arguments.desk)
        with Progress(console=Console(stderr=True)) as progress:
            for kind in arguments.kind or KINDS:
                for done, wanted in _inject(kind, found.setdefault(kind, Counts()), arguments):
                    if done == 0 or done % _EVERY == 0 or done == wanted or not kind.startswith(FILES):
                        _write(arguments.results, found)
                    task = next((task for task in progress.tasks if task.description == kind), None)
                    number = task.id if task else progress.add_task(kind, total=wanted)
                    progress.update(number, completed=done)
                _write(arguments.results, found)
    print(table(found))
    for counts in found.values():
        for detail in counts.details:
            print(detail, file=sys.stderr)
    return int(any(counts.survived < counts.injected for counts in found.values()))


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kind", action="append", choices=KINDS, metavar="KIND", help="may be given again; all else"
    )
    parser.add_argument(
        "--count", type=int, help="faults of each kind, in place of 1,000, 50, or every write"
    )
    parser.add_argument("--desk", type=Path, default=Path("runs/faults"), help="where crowd and run are kept")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="only print the table")
    return parser.parse_args()


def table(found: dict[str, Counts]) -> str:
    """Markdown, as in docs/reliability.md."""
    head = f"| Fault | {' | '.join(title for _, title in COLUMNS)} |\n|---|{'---:|' * len(COLUMNS)}"
    rows = [
        f"| {kind} | " + " | ".join(f"{getattr(found[kind], name):,}" for name, _ in COLUMNS) + " |"
        for kind in KINDS
        if kind in found and found[kind].injected
    ]
    return "\n".join([head, *rows])


def _inject(kind: str, counts: Counts, arguments: argparse.Namespace) -> Iterator[tuple[int, int]]:
    """Inject what is missing of a kind; after each, how many there are and will be."""
    if kind.startswith(FILES):
        wanted = arguments.count or 1000
        values = kind.startswith("replaced values ")
        name = kind.removeprefix("mutated ").removeprefix("replaced values ")
        for outcome, said in outcomes(arguments.desk, name, counts.injected, wanted, values):
            counts.add(
                unexplained=int(outcome == "crashed"),
                hangs=int(outcome == "hung"),
                code_run=int(outcome == "ran code"),
            )
            if outcome not in ("taken", "refused"):
                counts.details.append(f"{kind}: {outcome}: {said}")
            yield counts.injected, wanted
        return
    work = next(work for work in WORKS if kind.endswith(work.name))
    full = kind.startswith("full disk")
    with (
        _place(full) as (place, own_disk),
        tempfile.TemporaryDirectory() as logs,
        Apart(Path(logs) / "log", PART) as apart,
    ):
        interruptions = Interruptions(work, lay(arguments.desk), place, apart, own_disk)
        wanted = arguments.count or (interruptions.clean.writes if full else 50)
        while counts.injected < wanted:
            if full:
                interruptions.fill(counts.injected + 1, counts)
            else:
                interruptions.kill(counts.injected, counts)
            yield counts.injected, wanted


@contextmanager
def _place(full: bool) -> Iterator[tuple[Path, bool]]:
    """Where work is interrupted, and whether that is a small disk of its own."""
    with (
        tempfile.TemporaryDirectory() as plain,
        small_disk(_DISK_MEGABYTES) if full else nullcontext() as disk,
    ):
        yield (Path(plain), False) if disk is None else (disk, True)


def read(file: Path) -> dict[str, Counts]:
    """The counts in a file of results; none where there is no file."""
    if not file.is_file():
        return {}
    return {kind: Counts.from_json(values) for kind, values in json.loads(file.read_text())["kinds"].items()}


def _write(file: Path, found: dict[str, Counts]) -> None:
    from benchmarks.cases.machine import (
        commit,
    )  # with all cases of speed, which need this file's folder on the path

    record = {
        "command": "python benchmarks/faults.py",
        "commit": commit(Path(__file__).resolve().parents[1]),
        "versions": versions(),
        "kinds": {kind: found[kind].to_json() for kind in KINDS if kind in found},
    }
    write_text(file, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
