"""Time reseen's hot parts against a named alternative in the same run.

    python benchmarks/speed.py [--case NAME ...] [--repeat N] [--threads N] [--json FILE] [--quick]

Each case runs in a process of its own, so that its peak memory is its own. The table shows medians; the file
holds every timing with versions, hardware, commit and command: `results/speed.json` of all cases,
`results/speed-NAME.json` of one alone.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"


def main() -> int:
    """Run the cases asked for; 0 unless one failed to run."""
    from cases import CASES

    arguments = _parse([case.name for case in CASES])
    if arguments.child:
        return _run_here(arguments)
    from cases.machine import describe

    console = Console() if sys.stdout.isatty() else Console(width=140)
    record: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/speed.py", *sys.argv[1:]]),
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "repeat": arguments.repeat,
        "quick": arguments.quick,
        **describe(HERE.parent, arguments.threads),
        "cases": {},
    }
    for case in CASES:
        if arguments.case and case.name not in arguments.case:
            continue
        with console.status(f"{case.name} ..."):
            record["cases"][case.name] = {"goal": case.goal, **_run_apart(case.name, arguments)}
    console.print(_table(record))
    target = arguments.json or (None if arguments.quick else default_file(arguments.case))
    if target:
        _write(target, record)
        console.print(f"written to {target}")
    return 1 if any("error" in result for result in record["cases"].values()) else 0


def default_file(cases: list[str] | None) -> Path:
    """Where timings of these cases go: those of a few cases never replace those of all."""
    return RESULTS / f"{'-'.join(['speed', *(cases or ())])}.json"


def _parse(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time reseen's hot parts.", allow_abbrev=False)
    parser.add_argument("--case", action="append", choices=names, help="only this case; may be given again")
    parser.add_argument("--repeat", type=int, default=3, help="timed runs of each part; the median counts")
    parser.add_argument(
        "--threads", type=int, default=min(2, os.cpu_count() or 1), help="threads of every part"
    )
    parser.add_argument(
        "--json",
        type=Path,
        help="where to write (default benchmarks/results/speed.json, with --case speed-NAME.json)",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing judged or kept")
    parser.add_argument("--child", choices=names, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.repeat < 1 or arguments.threads < 1:
        parser.error("--repeat and --threads are at least 1")
    return arguments


def _run_here(arguments: argparse.Namespace) -> int:
    """The child's part: run one case and write its numbers where the parent asked."""
    import torch

    from cases import CASES
    from cases.case import Options
    from cases.memory import peak_bytes

    torch.set_num_threads(arguments.threads)
    case = next(case for case in CASES if case.name == arguments.child)
    result = case.run(Options(arguments.repeat, arguments.quick))
    result["process_peak_bytes"] = peak_bytes()
    arguments.json.write_text(json.dumps(result), encoding="utf-8")
    return 0


def _run_apart(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run one case in a process of its own; its numbers, or the end of what it complained of."""
    threads = str(arguments.threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "result.json"
        words = [sys.executable, str(HERE / "speed.py"), "--child", name, "--json", str(answer)]
        words += ["--repeat", str(arguments.repeat), "--threads", threads] + ["--quick"] * arguments.quick
        environment = os.environ | dict.fromkeys(names, threads)
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        if done.returncode or not answer.exists():
            return {"error": done.stderr.strip()[-2000:] or f"exit code {done.returncode}", "rows": []}
        return json.loads(answer.read_text(encoding="utf-8"))


def _table(record: dict[str, Any]) -> Table:
    hardware = record["hardware"]
    caption = f"{hardware['processor']}, {hardware['threads']} threads, commit {_short(record['commit'])}"
    table = Table(title="Speed", caption=caption, show_lines=True)
    table.add_column("what")
    for heading in ("seconds", "ratio"):
        table.add_column(heading, justify="right")
    for heading in ("against", "limit", "goal"):
        table.add_column(heading)
    for name, result in record["cases"].items():
        if "error" in result:
            table.add_row(name, "", "", "", result["error"].splitlines()[-1], "[red]failed[/red]")
        for line in result["rows"]:
            table.add_row(*_cells(line, result["goal"]))
    return table


def _cells(line: dict[str, Any], goal: str) -> list[str]:
    verdict = {True: f"[green]met[/green]: {goal}", False: f"[red]missed[/red]: {goal}", None: ""}
    note = f"\n[dim]{line['note']}[/dim]" if line["note"] else ""
    return [
        line["what"] + note,
        f"{line['seconds']:.3f}",
        f"{line['ratio']:.2f}",
        f"{line['against']}\n{line['against_seconds']:.3f} s",
        line["limit"],
        verdict[line["goal_met"]],
    ]


def _short(commit: str) -> str:
    name, plus, changes = commit.partition("+")
    return name[:12] + plus + changes


def _write(target: Path, record: dict[str, Any]) -> None:
    """Write beside the target and rename, so that a killed run leaves the old file whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_suffix(".partial")
    beside.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    beside.replace(target)


if __name__ == "__main__":
    sys.exit(main())
