"""Build one small model of every family in timm at several crop sizes, without weights, and list how it ends.

    python benchmarks/backbones.py [--family NAME ...] [--size 128x64 ...] [--out FILE] [--table]

A family is a module of timm and the letters that its names begin with (`regnet: regnety`); the smallest of its models
is built, unless that has more than 100 million parameters. Each model is a process of its own with a limit of memory
and time. It `works` when vectors are finite and of length 1 and gradients reach the trunk; it is `refused` when a
`ReseenError` says why; everything else is a `traceback`, of which there must be none. What is in the file of results is
not done again; delete it to begin anew. Exits with 1 where a traceback was seen.
"""

import argparse
import json
import multiprocessing
import os
import re
import resource
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import timm
import torch
from benchmarks.accuracy import commit
from rich.progress import track

from reseen.environment import versions
from reseen.errors import ReseenError
from reseen.files import write_text
from reseen.models import Encoder, ModelSettings
from reseen.models.stages import stages_of

RESULT = Path(__file__).parent / "results" / "backbones.json"
SIZES = ("128x64", "256x128", "250x125")
MOST_PARAMETERS = 100_000_000
MOST_BYTES = 12 * 2**30
"""Of address space on top of what the process has already."""
MOST_SECONDS = 900.0
OUTCOMES = ("works", "refused", "traceback")


def main() -> int:
    """Do what is missing, then print the table; 1 where there was a traceback."""
    arguments = parse()
    held = json.loads(arguments.out.read_text()) if arguments.out.is_file() else {}
    found: dict[str, dict[str, Any]] = held.get("families", {})
    wanted = {} if arguments.table else families()
    if arguments.family:
        wanted = {family: names for family, names in wanted.items() if family in arguments.family}
    for family, names in track(wanted.items(), description="Smallest", disable=not wanted):
        if "model" not in found.setdefault(family, {"sizes": {}}):
            found[family] |= apart(smallest, names)
            _write(arguments.out, found)
    by_parameters = sorted(wanted, key=lambda family: found[family].get("parameters", 0))
    for size in arguments.size or SIZES if wanted else ():
        for family in track(by_parameters, description=size):
            record = found[family]
            if (
                record.get("parameters", MOST_PARAMETERS + 1) <= MOST_PARAMETERS
                and size not in record["sizes"]
            ):
                record["sizes"][size] = apart(attempt, record["model"], size)
                _write(arguments.out, found)
    print(table(found))
    return int(
        any(one["outcome"] == "traceback" for record in found.values() for one in record["sizes"].values())
    )


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", action="append", help="may be given again; all else")
    parser.add_argument("--size", action="append", help="height x width in pixels; may be given again")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--table", action="store_true", help="only print the table")
    return parser.parse_args()


def families() -> dict[str, list[str]]:
    """Family to the names of its models."""
    found: dict[str, list[str]] = {}
    for module in timm.list_modules():
        for name in timm.list_models(module=module):
            letters = re.match(r"(tf_)?[a-z]+", name)
            found.setdefault(f"{module}: {letters[0] if letters else name}", []).append(name)
    return found


def smallest(names: list[str]) -> dict[str, Any]:
    """The model with the fewest parameters, counted without making their numbers."""
    counts = {}
    for name in names:
        with torch.device("meta"):
            counts[name] = sum(p.numel() for p in timm.create_model(name, num_classes=0).parameters())
    model = min(counts, key=lambda name: counts[name])
    return {"model": model, "parameters": counts[model], "models": len(names)}


def attempt(name: str, size: str) -> dict[str, Any]:
    """Build an encoder, embed two crops, and take one step of training."""
    height, width = map(int, size.split("x"))
    torch.manual_seed(0)
    encoder = Encoder(ModelSettings(backbone=name, weights="none"), height, width)
    images = torch.randn(2, 3, height, width)
    with torch.no_grad():
        vectors = encoder.eval()(images)
    assert torch.isfinite(vectors).all()
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
    encoder.train()(images)[:, 0].sum().backward()
    gradients = [p.grad for p in encoder.trunk.parameters() if p.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    return {
        "outcome": "works", "dimension": encoder.dimension, "grid": encoder.grid,
        "stages": len(stages_of(encoder.trunk)), "notes": list(encoder.notes),
    }  # fmt: skip


def apart(work: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """What work returns in a fork of this process, or how it failed."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_limited, args=(there, work, given))
    process.start()
    there.close()
    try:
        answer = here.recv() if here.poll(MOST_SECONDS) else None
    except EOFError:
        process.join()
        answer = {"outcome": "traceback", "said": f"the process ended with code {process.exitcode}"}
    if answer is None:
        process.kill()
        answer = {"outcome": "traceback", "said": f"not done after {MOST_SECONDS:.0f} s"}
    process.join()
    return answer


def _limited(pipe: Connection, work: Callable[..., dict[str, Any]], given: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    limit = pages * resource.getpagesize() + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        answer = work(*given)
    except ReseenError as error:
        answer = {"outcome": "refused", "said": str(error)}
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        answer = {
            "outcome": "traceback",
            "said": f"{type(error).__name__}: {error} ({last.name}, line {last.lineno})",
        }
    pipe.send(answer)


def table(found: dict[str, dict[str, Any]]) -> str:
    """Markdown: counts of each size, and below it every model that was not built."""
    sizes = sorted({size for record in found.values() for size in record["sizes"]}, key=_in_order)
    lines = [f"| Crops | {' | '.join(OUTCOMES)} |", f"|---|{'---:|' * len(OUTCOMES)}"]
    for size in sizes:
        counts = Counter(
            record["sizes"][size]["outcome"] for record in found.values() if size in record["sizes"]
        )
        lines.append(f"| {size.replace('x', ' x ')} | {' | '.join(str(counts[name]) for name in OUTCOMES)} |")
    left_out = [record["model"] for record in found.values() if not record["sizes"] and "model" in record]
    lines.append(
        f"\n{len(found)} families; above {MOST_PARAMETERS:,} parameters: {', '.join(left_out) or 'none'}\n"
    )
    for record in found.values():
        for size, one in record["sizes"].items():
            if one["outcome"] != "works":
                lines.append(f"- {size} {one['outcome']}: {record['model']}: {one['said']}")
    return "\n".join(lines)


def _in_order(size: str) -> int:
    return SIZES.index(size) if size in SIZES else len(SIZES)


def _write(file: Path, found: dict[str, dict[str, Any]]) -> None:
    record = {
        "command": "python benchmarks/backbones.py",
        "commit": commit(),
        "versions": versions(),
        "families": found,
    }
    write_text(file, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
