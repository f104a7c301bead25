"""A process that tries mutated files one after another and says of each what became of it.

python -m benchmarks.faulting.fuzzer DESK FORMAT bytes|values FIRST END
"""

import json
import resource
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faulting.desk import lay
from benchmarks.faulting.formats import formats
from benchmarks.faulting.fuzz import try_mutation

HANG_SECONDS = 600.0
"""For one file, on a busy machine; the desk is laid before."""
_START_SECONDS = 600.0
_MEMORY = 4 * 2**30
"""Bytes of address space beyond what is taken at the start: a file that asks for more is refused it."""


def outcomes(desk: Path, name: str, first: int, end: int, values: bool = False) -> Iterator[tuple[str, str]]:
    """What becomes of each mutation, in a process of its own that is started again after a death or a hang."""
    while first < end:
        words = [
            sys.executable,
            "-m",
            "benchmarks.faulting.fuzzer",
            str(desk),
            name,
            "values" if values else "bytes",
            str(first),
            str(end),
        ]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            limit = _START_SECONDS
            while first < end:
                if not select.select([process.stdout], [], [], limit)[0]:
                    process.kill()
                    yield "hung", f"number {first}"
                    first += 1
                    break
                line, limit = process.stdout.readline(), HANG_SECONDS
                if not line:
                    said = process.stderr.read()[-1500:] if process.stderr is not None else ""
                    yield "crashed", f"number {first}: the process ended with {process.wait()}: {said}"
                    first += 1
                    break
                outcome, said = json.loads(line)
                yield outcome, f"number {first}: {said}"
                first += 1


def main() -> None:
    """Print a line of JSON for every number."""
    desk, name, first, end = Path(sys.argv[1]), sys.argv[2], int(sys.argv[4]), int(sys.argv[5])
    kind = formats(lay(desk))[name]
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + _MEMORY, resource.RLIM_INFINITY))
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "crops").symlink_to((desk / "crops").resolve())
        for number in range(first, end):
            print(json.dumps(try_mutation(kind, number, Path(place), sys.argv[3] == "values")), flush=True)


if __name__ == "__main__":
    main()
