"""What whitening within clusters changes: scores of finished runs, without it and with powers and shrinkages.

python benchmarks/whitening.py --protocol market-mini-validation --data Market-1501 --runs runs --arms flagship \
  --seeds 0 --powers 0.25,0.5,0.75,1 --shrinkages 0.1,0.3,0.5
python benchmarks/whitening.py --protocol market-mini --data Market-1501 --runs runs --arms flagship --seeds 0,1,2
python benchmarks/whitening.py --regimes few,usual --data Market-1501 --runs runs/regimes --arms auto-cameras

Runs are those that `benchmarks/accuracy.py --runs DIR` or `benchmarks/regimes.py --work DIR` trained. The whitening is
fitted to the run's training crops and the clusters of its last round, as at the end of `reseen train` with
`train.whiten`; labels serve the scores alone. One JSON file per run; a run that has one is skipped. `--table` prints
the means.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import RESULTS, commit
from benchmarks.protocols import PROTOCOLS
from benchmarks.protocols.regimes import held_out_benchmark
from benchmarks.regimes import PATTERN

from reseen import ImageTable, Run, read_training
from reseen.camera_means import CameraMeans
from reseen.data.crops import open_crops
from reseen.environment import hardware, versions
from reseen.features.extract import extract
from reseen.files import write_text
from reseen.geometry import unit
from reseen.models.whitening import POWER, SHRINKAGE, fit_whitening
from reseen.records import NOISE
from reseen.runs.camera_file import CAMERAS, rounds_text, write_camera_means
from reseen.runs.cluster_file import CLUSTERS, read_members
from reseen.runs.run import open_run
from reseen.runs.whitening_file import WHITENING, write_whitening
from reseen.tasks.evaluation.score import Benchmark, retrieve


def main() -> None:
    """Score what is missing, then print the table."""
    arguments = parse()
    for name in arguments.regimes or [arguments.protocol]:
        for arm in arguments.arms if not arguments.table else ():
            for seed in arguments.seeds:
                target = arguments.results / f"{name}--{arm}--seed{seed}.json"
                if not target.is_file():
                    score_run(name, arm, seed, target, arguments)
    print_table(arguments)


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def numbers(text: str) -> list[float]:
        return [float(part) for part in text.split(",")]

    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), default="market-mini-validation")
    parser.add_argument(
        "--regimes",
        type=lambda text: text.split(","),
        help="in place of a protocol: regimes of benchmarks/regimes.py",
    )
    parser.add_argument("--data", type=Path, help="folder in the Market-1501 layout")
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        help="--runs of benchmarks/accuracy.py, --work of benchmarks/regimes.py",
    )
    parser.add_argument("--arms", type=lambda text: text.split(","), default=["flagship"])
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[0])
    parser.add_argument("--powers", type=numbers, default=[POWER])
    parser.add_argument("--shrinkages", type=numbers, default=[SHRINKAGE])
    parser.add_argument("--results", type=Path, default=RESULTS / "whitening")
    parser.add_argument("--table", action="store_true", help="only print the table")
    arguments = parser.parse_args()
    if arguments.data is None and not arguments.table:
        parser.error("--data is needed to score")
    return arguments


def score_run(name: str, arm: str, seed: int, target: Path, arguments: argparse.Namespace) -> None:
    """Write the scores of one run without whitening, and with each power and shrinkage."""
    if arguments.regimes:
        source = arguments.runs / "runs" / name / f"{arm}-seed{seed}"
        pool = read_training(arguments.runs / "pools" / f"{name}-seed{seed}", pattern=PATTERN)
        benchmark = held_out_benchmark(arguments.data)
    else:
        source = arguments.runs / name / f"{arm}-seed{seed}"
        pool = PROTOCOLS[name].training(arguments.data)
        benchmark = PROTOCOLS[name].benchmark(arguments.data)
    with tempfile.TemporaryDirectory(prefix="reseen-whitening-") as place:
        run = open_run(shutil.copytree(source, Path(place) / source.name))
        (run.folder / WHITENING).unlink(missing_ok=True)
        rows = list(score_settings(run, pool, benchmark, arguments))
    record = {
        "pool": name,
        "arm": arm,
        "seed": seed,
        "rows": rows,
        "command": f"python benchmarks/whitening.py --{'regimes' if arguments.regimes else 'protocol'} {name} "
        f"--data MARKET --runs RUNS --arms {arm} --seeds {seed}",
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(),
    }
    write_text(target, json.dumps(record, indent=1) + "\n")


def score_settings(
    run: Run, pool: ImageTable, benchmark: Benchmark, arguments: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Scores without whitening, then with each power and shrinkage; files of the run folder are replaced."""
    encoder = run.encoder()
    crops = open_crops(pool, run.reading, encoder.height, encoder.width, progress=False)
    features = extract(encoder, crops, torch.device("cpu")).vectors
    members = read_members(run.folder / CLUSTERS)
    labels = np.array([members.get(text, NOISE) for text in crops.table.texts], dtype=np.int64)
    assert crops.cameras is not None
    settings = [(None, None), *product(arguments.powers, arguments.shrinkages)]
    for power, shrinkage in settings:
        vectors = features
        if power is not None:
            whitening = fit_whitening(features.numpy(), labels, crops.cameras, power, shrinkage)
            if whitening is None:
                raise SystemExit(f"{run.folder}: crops do not differ within clusters")
            write_whitening(run.folder / WHITENING, whitening, f"round {run.rounds_done}")
            vectors = unit(whitening(features))
        means = CameraMeans.measure(vectors.numpy(), crops.cameras, crops.table.camera_names, crops.tracklets)
        write_camera_means(run.folder / CAMERAS, means, rounds_text(run))
        yield {"power": power, "shrinkage": shrinkage, **scores(run, benchmark)}


def scores(run: Run, benchmark: Benchmark) -> dict[str, Any]:
    """Mean average precision, rank-1 and mINP, plain, with centered cameras, mirrored, and both."""
    found = {}
    for mirrored in (False, True):
        retrieval = retrieve(run, benchmark, mirrored=mirrored, feature_cache=0, quiet=True)
        for centered, one in ((False, retrieval), (True, retrieval.centered())):
            score = one.score()
            name = " and ".join(name for name, on in (("mirrored", mirrored), ("centered", centered)) if on)
            found[name or "plain"] = {
                "mAP": score.mean_average_precision, "rank1": score.cmc[1], "mINP": score.mean_inverse_negative_penalty,
            }  # fmt: skip
    return found


def print_table(arguments: argparse.Namespace) -> None:
    """A row per pool, arm, power and shrinkage: mAP and rank-1 of each way of scoring."""
    ways = ("plain", "centered", "mirrored", "mirrored and centered")
    print(f"| Pool | Arm | Power | Shrinkage | Seeds | {' | '.join(ways)} |")
    print("|---" * (5 + len(ways)) + "|")
    for name, arm in product(arguments.regimes or [arguments.protocol], arguments.arms):
        files = sorted(arguments.results.glob(f"{name}--{arm}--seed*.json"))
        records = [json.loads(file.read_text()) for file in files]
        for settings, rows in _by_settings(records):
            cells = [
                ", ".join(_spread([100 * row[way][key] for row in rows]) for key in ("mAP", "rank1"))
                for way in ways
            ]
            print(
                f"| `{name}` | `{arm}` | {settings[0]} | {settings[1]} | {len(rows)} | {' | '.join(cells)} |"
            )


def _by_settings(records: list[dict[str, Any]]) -> Iterator[tuple[tuple[Any, Any], list[dict[str, Any]]]]:
    for row in records[0]["rows"] if records else []:
        settings = row["power"], row["shrinkage"]
        yield (
            settings,
            [r for record in records for r in record["rows"] if (r["power"], r["shrinkage"]) == settings],
        )


def _spread(values: list[float]) -> str:
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
