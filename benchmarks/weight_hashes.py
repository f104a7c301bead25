"""Hashes of weights and scores after two rounds of every recipe: equal where a change moves no number.

python benchmarks/weight_hashes.py --out before.json
python benchmarks/weight_hashes.py --compare before.json

Each recipe trains from random weights with its own method settings, cut to crops of 64 x 32 pixels and six batches. The
hash covers names, types, shapes and bytes of every tensor of the encoder. Scores are compared digit by digit. Hashes
agree on one machine with one number of threads; other processors round differently.
"""

import argparse
import hashlib
import json
import platform
import tempfile
from pathlib import Path

import torch

import reseen

SHARED = """
--model.backbone test_resnet --model.weights none --model.norm-group 8 --data.height 64 --data.width 32
--train.rounds 2 --train.iterations 3 --train.schedule constant --train.device cpu
""".split()  # noqa: SIM905
JACCARD = [
    "--method.clustering.jaccard.k1",
    "8",
    "--method.clustering.jaccard.k2",
    "3",
    "--method.clustering.eps",
    "auto",
]
BATCH = "--method.sampler.clusters-per-batch 4 --method.sampler.images-per-cluster 4".split()  # noqa: SIM905
PATCHES = """
--model.patches.count 2 --model.patches.dimension 8 --method.sampler.clusters-per-batch 8
--method.credible.count 4 --method.credible.threshold 0.1 --method.image-patches.dimension 4
""".split()  # noqa: SIM905
FLAGS: dict[str, list[str]] = {
    "buc": [],
    "cluster-contrast": [*JACCARD, *BATCH],
    "dbc": [],
    "demo": [*JACCARD, *BATCH],
    "global-patch": PATCHES,
    "hct": BATCH,
    "maskpre": [*JACCARD, *BATCH, "--method.mask.block", "2", "--method.mask.ramp", "0"],
    "progressive": [],
    "source": BATCH,
    "sphere": BATCH,
    "sphere-contrast": BATCH,
}
"""Settings under which each recipe trains on 144 crops."""


def main() -> None:
    """Print the hashes as JSON, or compare them with those of a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--compare", type=Path, help="JSON file of another commit, made on the same machine")
    parser.add_argument("--recipes", default=",".join(FLAGS), help="names, comma-separated")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        crowd = Path(folder) / "crowd"
        reseen.draw_crowd(crowd, people=12, cameras=3, height=64, width=32, processes=1, progress=False)
        found = {name: measure(name, crowd, Path(folder)) for name in arguments.recipes.split(",")}
    record = {
        "command": "python benchmarks/weight_hashes.py",
        "processor": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "recipes": found,
    }
    text = json.dumps(record, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    if arguments.compare:
        report(json.loads(arguments.compare.read_text(encoding="utf-8"))["recipes"], found)


def measure(name: str, crowd: Path, folder: Path) -> dict:
    """Hash of the encoder and scores of one recipe."""
    flags = [*SHARED, *FLAGS[name]]
    if name == "source":
        flags += ["--data.labels", str(labels_of(crowd, folder))]
    run = reseen.train(reseen.load_recipe(name, flags), crowd, folder / name, quiet=True)
    digest = hashlib.sha256()
    for key, tensor in sorted(run.encoder().state_dict().items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    score = reseen.score(run, crowd, quiet=True)
    return {"weights": digest.hexdigest(), "score": score.to_json()}


def labels_of(crowd: Path, folder: Path) -> Path:
    """A file of labels for `source`: the person in each training file's name."""
    target = folder / "labels.csv"
    names = sorted(path.name for path in (crowd / "bounding_box_train").iterdir())
    rows = [f"bounding_box_train/{name},{name[:4]}" for name in names]
    target.write_text("\n".join(["path,label", *rows]) + "\n", encoding="utf-8")
    return target


def report(before: dict, now: dict) -> None:
    """Say which recipes differ; exit code 1 where any does."""
    different = [name for name in now if before.get(name) != now[name]]
    print("different: " + ", ".join(different) if different else f"all {len(now)} recipes are equal")
    raise SystemExit(1 if different else 0)


if __name__ == "__main__":
    main()
