"""Mutation testing: how many small changes of the code the tests notice.

    python benchmarks/mutants.py [--packages NAME ...] [--per-package N] [--seed S] [--json FILE]
    python benchmarks/mutants.py --survivors
    python benchmarks/mutants.py --table-only

A seeded sample of the mutants of each package is tested, one at a time, in a temporary copy of the sources, each
against the tests of its module (`tests/house/mirror.py`) in a forked process that has torch loaded. A mutant is
`killed` if a test fails, `timeout` if the time limit passes, and `survived` otherwise. Outcomes are written after each
mutant, and a mutant that has one is not tested again: an interrupted run continues. `--survivors` tests again those
that survived, after tests were added. A survivor that no test can kill is named in `mutating/equivalent.json`, with the
reason.
"""

import argparse
import json
import os
import random
import runpy
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.mutating.mutations import MutableModule, Mutant

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
PACKAGE = PROJECT / "src" / "reseen"
RESULTS = HERE / "results" / "mutants.json"
EQUIVALENT = HERE / "mutating" / "equivalent.json"
PACKAGES = ("losses", "memory", "cluster", "neighbors", "evaluate")
_COPIED = (
    "src",
    "tests",
    "benchmarks",
    "docs",
    "examples",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
)
_LEAST_SECONDS = 120.0
"""Time limit of a mutant whose tests are fast; otherwise ten times what the tests take without a change."""


def main() -> None:
    """Test the sample, write it, print the table."""
    arguments = _parse()
    record = read(arguments.json)
    if not arguments.table_only:
        _measure(arguments, record)
    print(table(record, equivalent()))


def table(record: dict[str, Any], equivalent: dict[str, str]) -> str:
    """The outcomes of each package as a Markdown table."""
    lines = [
        "| Package | Mutants | Tested | Killed | Equivalent | Survived |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for package, population in record["population"].items():
        rows = [row for row in record["mutants"] if row["module"].split("/")[0] == package]
        survived = [row for row in rows if row["outcome"] == "survived"]
        alike = sum(row["key"] in equivalent for row in survived)
        numbers = (population, len(rows), len(rows) - len(survived), alike, len(survived) - alike)
        lines.append(f"| `{package}` | " + " | ".join(f"{number:,}" for number in numbers) + " |")
    return "\n".join(lines)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--packages", nargs="+", default=list(PACKAGES))
    parser.add_argument("--per-package", type=int, default=60, help="mutants of each package")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--survivors", action="store_true", help="test again the mutants that survived")
    parser.add_argument("--table-only", action="store_true")
    parser.add_argument("--json", type=Path, default=RESULTS)
    return parser.parse_args()


def read(path: Path) -> dict[str, Any]:
    """The outcomes so far."""
    return (
        json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"mutants": [], "population": {}}
    )


def equivalent() -> dict[str, str]:
    """Keys of the mutants that behave like the original, and why."""
    return json.loads(EQUIVALENT.read_text(encoding="utf-8"))


def _measure(arguments: argparse.Namespace, record: dict[str, Any]) -> None:
    describe = runpy.run_path(str(HERE / "cases" / "machine.py"))[
        "describe"
    ]  # alone: `cases` imports the package
    known = {row["key"]: row for row in record["mutants"]}
    population, chosen = sample(PACKAGE, arguments.packages, arguments.per_package, arguments.seed)
    record |= {
        "command": shlex.join(["python", "benchmarks/mutants.py", *sys.argv[1:]]),
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seed": arguments.seed,
        "per_package": arguments.per_package,
        **describe(PROJECT, 1),
        "population": population,
    }
    record["mutants"] = [known[mutant.key] for mutant in chosen if mutant.key in known]
    with tempfile.TemporaryDirectory(prefix="reseen-mutants-") as folder:
        runner = Runner(Path(folder))
        for mutant in chosen:
            row = known.get(mutant.key)
            if row is not None and not (arguments.survivors and row["outcome"] == "survived"):
                continue
            outcome = runner.test(mutant)
            print(
                f"{outcome['outcome']:9} {outcome['seconds']:6.1f} s  {mutant.module}:{mutant.line}",
                flush=True,
            )
            fresh = {
                "key": mutant.key,
                "module": mutant.module,
                "line": mutant.line,
                "before": mutant.before,
                "after": mutant.after,
                **outcome,
            }
            if row is None:
                record["mutants"].append(fresh)
            else:
                row.update(fresh)
            _write(arguments.json, record)
    _write(arguments.json, record)


def _write(path: Path, record: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def sample(package: Path, names: list[str], count: int, seed: int) -> tuple[dict[str, int], list[Mutant]]:
    """The number of changes of each package, and `count` random mutants of each, one of every package in turn."""
    population, chosen = {}, []
    for name in names:
        files = sorted((package / name).rglob("*.py"))
        modules = [MutableModule(str(f.relative_to(package)), f.read_text(encoding="utf-8")) for f in files]
        places = [(module, number) for module in modules for number in range(len(module))]
        population[name] = len(places)
        random.Random(f"{seed} {name}").shuffle(places)
        chosen.append(_distinct(places, count))
    in_turn = [mutant for row in zip_longest(*chosen) for mutant in row if mutant is not None]
    return population, in_turn


def _distinct(places: list[tuple[MutableModule, int]], count: int) -> Iterator[Mutant]:
    keys: set[str] = set()
    for module, number in places:
        mutant = module.mutant(number)
        if mutant is not None and mutant.key not in keys:
            keys.add(mutant.key)
            yield mutant
        if len(keys) == count:
            return


class Runner:
    """A copy of the sources in which mutants are tested, one at a time."""

    def __init__(self, folder: Path) -> None:
        """Copy the sources and load the libraries that tests need, so that forked processes have them."""
        self._folder = folder
        for name in _COPIED:
            copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
            copy(PROJECT / name, folder / name)
        self._limits: dict[tuple[str, ...], float] = {}
        os.environ["PYTHONPATH"] = f"{folder / 'src'}:{folder}"
        sys.dont_write_bytecode = True
        import faiss  # noqa: F401
        import hypothesis  # noqa: F401
        import numba  # noqa: F401
        import pyarrow.parquet  # noqa: F401
        import pytest  # noqa: F401
        import scipy.sparse  # noqa: F401
        import sklearn.cluster  # noqa: F401
        import timm  # noqa: F401

    def test(self, mutant: Mutant) -> dict[str, Any]:
        """Run the tests of the mutant's module on the mutant."""
        from tests.house.mirror import find_tests

        files = tuple(str(file.relative_to(PROJECT)) for file in find_tests(PACKAGE / mutant.module))
        if not files:
            return {"outcome": "survived", "seconds": 0.0, "tests": []}
        if files not in self._limits:
            code, seconds = self._run(files, 3600.0)
            if code != 0:
                output = (self._folder / "output.txt").read_text(encoding="utf-8", errors="replace")
                raise SystemExit(f"{output[-3000:]}\n{' '.join(files)}: a test fails without a change")
            self._limits[files] = max(_LEAST_SECONDS, 10 * seconds)
        path = self._folder / "src" / "reseen" / mutant.module
        original = path.read_text(encoding="utf-8")
        written = path.stat().st_mtime_ns
        path.write_text(mutant.source, encoding="utf-8")
        try:
            # Numba does not notice that a function which a compiled one calls has changed.
            code, seconds = self._run(files, self._limits[files], fresh="@compiled(" in mutant.source)
        finally:
            path.write_text(original, encoding="utf-8")
            os.utime(path, ns=(written, written))  # Numba compiles what a newer file holds
        outcome = {0: "survived", None: "timeout"}.get(code, "killed")
        return {"outcome": outcome, "seconds": round(seconds, 1), "tests": list(files)}

    def _run(self, files: tuple[str, ...], limit: float, fresh: bool = False) -> tuple[int | None, float]:
        """Exit status of pytest in a forked process, None after `limit` seconds; and the seconds.

        With `fresh`, no machine code of compiled loops is taken over from earlier runs.
        """
        cache = self._folder / ("numba-fresh" if fresh else "numba")
        if fresh:
            shutil.rmtree(cache, ignore_errors=True)
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            _child(self._folder, files, cache)
        while time.monotonic() - began < limit:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status), time.monotonic() - began
            time.sleep(0.02)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None, limit


class _NoShrinking:
    """A pytest plugin: Hypothesis does not look for the smallest failing example, which takes most of the time."""

    def pytest_collection(self) -> None:
        """Before test modules are imported, and after the profile of the tests was loaded."""
        from hypothesis import Phase, settings

        name = settings.get_current_profile_name()
        settings.register_profile(
            "mutants", settings.get_profile(name), phases=(Phase.explicit, Phase.generate)
        )
        settings.load_profile("mutants")


def _child(folder: Path, files: tuple[str, ...], cache: Path) -> None:
    """Run pytest in this process, which ends with it."""
    code = 70
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        output = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for name in [name for name in sys.modules if name.split(".")[0] in ("tests", "benchmarks", "reseen")]:
            del sys.modules[name]
        sys.path[:0] = [str(folder / "src"), str(folder)]
        import numba
        import pytest

        numba.config.CACHE_DIR = str(cache)
        options = [
            "-x",
            "-q",
            "-o",
            "addopts=--import-mode=importlib --strict-markers",
            "-p",
            "no:cacheprovider",
        ]
        code = int(pytest.main([*options, "--hypothesis-seed=0", "-p", "no:xdist", *files], [_NoShrinking()]))
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
