"""On a machine with a GPU: time the parts against their limits, and train the literature's protocol, in stretches.

    python benchmarks/gpu.py pack --data Market-1501 --out parts
    python benchmarks/gpu.py run --parts parts --weights resnet50.safetensors --minutes 9

`pack` writes the crops as tar files of less than 60 MiB, for machines that take so much at once; parts may arrive in
several calls. `run` unpacks what is there, makes the timings that are missing, then trains and scores the arms of the
protocol `market` one after another (`benchmarks/accuracy.py`) until the minutes are over; the same command resumes.
A run is stopped as by Ctrl-C, and loses the round that it is in. `--quick` takes a tiny network, to see that it works.
"""

import argparse
import json
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from benchmarks.accuracy import commit

import reseen
from cases.case import row, timed
from cases.crowds import crowd as drawn_task
from cases.mixture import mixture
from cases.training_step import bare_steps, steps
from reseen.environment import hardware, versions
from reseen.evaluate import score
from reseen.features.extract import extract
from reseen.files import write_text
from reseen.neighbors import nearest
from reseen.synthetic import draw_crowd
from reseen.training.setup import set_up

RESULT = Path(__file__).parent / "results" / "gpu.json"
SPLITS = ("bounding_box_train", "query", "bounding_box_test")
MOST_BYTES = 60 * 2**20
"""Of a part."""
ARMS = "cluster-contrast,sphere-contrast,maskpre,global-patch"
_TAR_HEADER, _TAR_BLOCK, _TAR_END = 512, 512, 12_288
"""Bytes of an entry's header, of a block, and at most of the end, which fills a record of 10,240."""
_STEPS = 8
_FORWARD_BATCH = 256
_NETWORK = (
    "--model.backbone", "resnet50.tv_in1k", "--data.height", "256", "--data.width", "128",
    "--method.sampler.clusters-per-batch", "16", "--method.sampler.images-per-cluster", "16",
)  # fmt: skip
_TINY = (
    "--model.backbone", "test_efficientnet", "--model.norm-group", "8", "--data.height", "64", "--data.width", "32",
    "--method.sampler.clusters-per-batch", "4", "--method.sampler.images-per-cluster", "4",
)  # fmt: skip


def main() -> None:
    """Pack or run."""
    arguments = parse()
    if arguments.command == "pack":
        parts = pack(arguments.data, arguments.out)
        print(f"{len(parts)} parts in {arguments.out}")
        return
    deadline = time.monotonic() + 60 * arguments.minutes
    data = unpack(arguments.parts, arguments.work / "data")
    measure(arguments, deadline)
    if arguments.arms:
        train_arms(arguments, data, deadline)


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="write the crops of a Market-1501 folder as parts")
    packing.add_argument("--data", type=Path, required=True, help="folder in the Market-1501 layout")
    packing.add_argument("--out", type=Path, required=True, help="folder for the parts")
    running = commands.add_parser("run", help="time, then train and score")
    running.add_argument("--parts", type=Path, required=True, help="folder of the parts")
    running.add_argument("--weights", default="hub", help="safetensors file of the backbone, or 'hub'")
    running.add_argument("--minutes", type=float, default=9.0)
    running.add_argument("--arms", default=ARMS, help="of the protocol `market`; empty for timings alone")
    running.add_argument("--device", default="cuda")
    running.add_argument("--work", type=Path, default=Path("runs/gpu"))
    running.add_argument("--result", type=Path, default=RESULT)
    running.add_argument("--repeat", type=int, default=5)
    running.add_argument("--quick", action="store_true", help="tiny sizes")
    return parser.parse_args()


def pack(data: Path, out: Path, most_bytes: int = MOST_BYTES) -> list[Path]:
    """Write the crops of all splits as tar files of at most `most_bytes`."""
    out.mkdir(parents=True, exist_ok=True)
    groups: list[list[Path]] = []
    packed = most_bytes
    for file in sorted(file for split in SPLITS for file in (data / split).glob("*.jpg")):
        size = _TAR_HEADER + -(-file.stat().st_size // _TAR_BLOCK) * _TAR_BLOCK
        if packed + size > most_bytes - _TAR_END:
            groups.append([])
            packed = 0
        groups[-1].append(file)
        packed += size
    if not groups:
        raise SystemExit(f"{data}: holds no crops in {', '.join(SPLITS)}")
    parts = [out / f"crops-{number:02}.tar" for number in range(len(groups))]
    for part, group in zip(parts, groups, strict=True):
        with tarfile.open(part, "w") as archive:
            for file in group:
                archive.add(
                    file, str(file.relative_to(data)), filter=lambda entry: entry.replace(mtime=0, deep=False)
                )
    return parts


def unpack(parts: Path, data: Path) -> Path:
    """Unpack every part that is not unpacked yet."""
    data.mkdir(parents=True, exist_ok=True)
    for part in sorted(parts.glob("crops-*.tar")):
        done = data / f"{part.stem}.unpacked"
        if not done.is_file():
            with tarfile.open(part) as archive:
                archive.extractall(data, filter="data")
            done.touch()
    return data


def measure(arguments: argparse.Namespace, deadline: float) -> None:
    """Make the timings that the file of results lacks, each written when it is done."""
    record = json.loads(arguments.result.read_text()) if arguments.result.is_file() else {"rows": {}}
    for name, case in CASES.items():
        if name in record["rows"] or time.monotonic() > deadline:
            continue
        record["rows"][name] = case(arguments)
        record |= {
            "command": "python benchmarks/gpu.py run --parts PARTS --weights WEIGHTS",
            "commit": commit(),
            "versions": versions(),
            "hardware": hardware(),
            "device": arguments.device,
        }
        write_text(arguments.result, json.dumps(record, indent=1) + "\n")
        for one in record["rows"][name]:
            print(
                f"{one['what']}: {one['seconds']:.4f} s, {one['ratio']:.2f} of {one['against']}", flush=True
            )


def time_steps(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """A training step of the whole pipeline, in float32 and bf16, against the bare network's."""
    return [_step(arguments, precision) for precision in ("32", "bf16-mixed")]


def _step(arguments: argparse.Namespace, precision: str) -> dict[str, Any]:
    count = 1 if arguments.quick else _STEPS
    with tempfile.TemporaryDirectory() as folder:
        training = _training(arguments, Path(folder), precision, count)
        ours, bare = timed(
            arguments.repeat,
            steps(training, count),
            bare_steps(training, count, training.encoder, training.optimizer),
        )
        images = training.recipe.method.batch_size * count
        return row(
            f"training step, {training.recipe.model.backbone}, {precision}, {images / median(ours):.0f} crops/s",
            ours,
            against=f"bare forward, backward and optimizer, {images / median(bare):.0f} crops/s",
            against_seconds=bare,
            limit="the network itself: ratio 1",
        )


def time_extraction(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Features of crops from the cache of pixels, against the forward pass alone."""
    with tempfile.TemporaryDirectory() as folder:
        training = _training(arguments, Path(folder), "32", 1)
        encoder, crops, device = training.encoder, training.crops, training.fabric.device
        encoder.eval()
        images = torch.randn(
            min(_FORWARD_BATCH, len(crops)), 3, *crops.images(torch.arange(1)).shape[-2:]
        ).to(device)

        @torch.inference_mode()
        def forward() -> None:
            for start in range(0, len(crops), _FORWARD_BATCH):
                encoder(images[: min(_FORWARD_BATCH, len(crops) - start)])

        ours, bare = timed(arguments.repeat, lambda: extract(encoder, crops, device), forward)
        return [
            row(
                f"features of {len(crops):,} crops, {len(crops) / median(ours):.0f} crops/s",
                ours,
                against=f"the forward pass, {len(crops) / median(bare):.0f} crops/s",
                against_seconds=bare,
                limit="the forward pass: ratio 1",
            )
        ]


def time_neighbors(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Exact k-NN on the device, against the matrix product alone."""
    count, dimension = (1_000, 64) if arguments.quick else (12_936, 2_048)
    features = mixture(count, dimension, people=count // 17).features
    vectors = features.vectors.to(arguments.device)

    def product() -> None:
        for chunk in vectors.split(2_048):
            _ = chunk @ vectors.T

    ours, bare = timed(arguments.repeat, lambda: nearest(features, 30, arguments.device), product)
    return [
        row(
            f"k-NN {count:,} x {dimension:,}, k 30", ours, against="matrix product", against_seconds=bare,
            limit=f"{2 * count**2 * dimension / 1e9:.0f} GFLOP",
        )
    ]  # fmt: skip


def time_evaluation(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Scoring, which runs on the processor also here, against the matrix product there."""
    task = drawn_task(*((200, 1_000, 64, 50) if arguments.quick else (3_368, 15_913, 2_048, 750)))
    ours, bare = timed(
        arguments.repeat, lambda: score(task), lambda: task.query.vectors @ task.gallery.vectors.T
    )
    return [
        row(
            f"evaluation {len(task.query):,} x {len(task.gallery):,}", ours, against="the matrix product",
            against_seconds=bare, limit="the product: every similarity is computed once",
        )
    ]  # fmt: skip


CASES: dict[str, Callable[[argparse.Namespace], list[dict[str, Any]]]] = {
    "step": time_steps,
    "extraction": time_extraction,
    "neighbors": time_neighbors,
    "evaluation": time_evaluation,
}


def _training(arguments: argparse.Namespace, folder: Path, precision: str, count: int) -> Any:
    """Cluster contrast on drawn people, set up on the device."""
    size = {"people": 8, "height": 64, "width": 32} if arguments.quick else {"people": 60}
    draw_crowd(folder / "crowd", **size, cameras=4, progress=False)
    flags = [
        *(_TINY if arguments.quick else _NETWORK), "--model.weights", "none", "--train.precision", precision,
        "--train.iterations", str(count), "--train.device", arguments.device, "--method.clustering.eps", "auto",
        "--method.clustering.jaccard.k1", "8", "--method.clustering.jaccard.k2", "3",
    ]  # fmt: skip
    recipe = reseen.load_recipe("cluster-contrast", flags)
    return set_up(recipe, reseen.read_training(folder / "crowd"), folder / "run", quiet=True)


def train_arms(arguments: argparse.Namespace, data: Path, deadline: float) -> None:
    """Train and score arm after arm in a process that is interrupted when time is over."""
    if not all((data / split).is_dir() for split in SPLITS):
        print("some parts are not here yet: timings alone")
        return
    for command in arm_commands(arguments, data):
        left = deadline - time.monotonic()
        if left <= 0:
            return
        process = subprocess.Popen(command)
        try:
            status = process.wait(timeout=left)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            process.wait()
            print("time is over; the same command resumes")
            return
        if status != 0:
            raise SystemExit(f"{' '.join(command)} ended with {status}")


def arm_commands(arguments: argparse.Namespace, data: Path) -> Iterator[list[str]]:
    """One command per arm."""
    for arm in arguments.arms.split(","):
        yield [
            sys.executable, str(Path(__file__).with_name("accuracy.py")), "--protocol", "market", "--arms", arm,
            "--seeds", "0", "--data", str(data), "--weights", str(arguments.weights),
            "--runs", str(arguments.work / "accuracy"), "--results", str(arguments.result.parent),
        ]  # fmt: skip


if __name__ == "__main__":
    main()
