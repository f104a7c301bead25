"""How near exported files come to the run they were made from: cosines, mAP and rank-1 on an accuracy protocol.

python benchmarks/export_parity.py --protocol market-mini --data DIR --run DIR

Writes `benchmarks/results/export-parity.json`. A run folder is one that `benchmarks/accuracy.py` made. int8 is
calibrated on crops of the training split, which no test person is in. `resize` holds what the resizing inside the graph
costs: query crops are enlarged to what a detector might cut out, then brought to the model's size by Pillow or by the
file.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import RESULTS, commit, shareable
from benchmarks.protocols import PROTOCOLS

import reseen
from reseen.data.decode import fit
from reseen.data.views import normalize
from reseen.environment import hardware, versions
from reseen.evaluate import RetrievalTask
from reseen.export.parity import file_features
from reseen.exported.exported_file import ExportedFile, open_exported
from reseen.exported.input_spec import InputSpec
from reseen.exported.openvino_file import write_openvino
from reseen.files import write_text
from reseen.runs.console import no_progress
from reseen.runs.run import Run
from reseen.tasks.evaluation.retrieval import Retrieval
from reseen.tasks.evaluation.score import retrieve

FORM = InputSpec()
LARGER = ((317, 141), (231, 118), (90, 41))
"""Heights and widths that crops are enlarged or shrunk to before the file sees them."""


def main() -> None:
    """Export, embed, score, write."""
    arguments = parse()
    protocol, revision = PROTOCOLS[arguments.protocol], commit()
    run = reseen.open_run(arguments.run)
    retrieval = retrieve(run, protocol.benchmark(arguments.data))
    record: dict = {
        "protocol": protocol.name,
        "run": run.folder.name,
        "files": {"pytorch float32": scored(retrieval)},
    }
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = written(run, folder, arguments.data, arguments.crops)
        for name, file in files.items():
            opened = open_exported(file)
            record["files"][name] = by_file(opened, retrieval) | {
                "megabytes": round(
                    sum(part.stat().st_size for part in folder.glob(f"{file.stem}.*")) / 1e6, 2
                ),
                "calibration": opened.card["reseen.calibration"],
            }
            print(name, record["files"][name], flush=True)
        opened = open_exported(files["onnx float32"])
        record["resize"] = {f"{h}x{w}": resized(opened, run, retrieval, h, w) for h, w in LARGER}
    record |= {
        "recipe": shareable(run.recipe, run.recipe.model.weights),
        "command": f"python benchmarks/export_parity.py --protocol {protocol.name} --data MARKET "
        f"--run {run.folder.name} --crops {arguments.crops}",
        "commit": revision,
        "versions": versions() | reseen_extras(),
        "hardware": hardware(),
    }
    write_text(arguments.results / "export-parity.json", json.dumps(record, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), default="market-mini")
    parser.add_argument("--data", type=Path, required=True, help="folder in the Market-1501 layout")
    parser.add_argument("--run", type=Path, required=True, help="a finished run of the protocol")
    parser.add_argument("--crops", type=int, default=256, help="crops that int8 is calibrated on")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def written(run: Run, folder: Path, data: Path, crops: int) -> dict[str, Path]:
    """All files; OpenVINO's grow out of the ONNX files, as they do in `reseen export`."""
    plain = reseen.export_run(run, folder / "onnx-float32.onnx")
    small = reseen.export_run(run, folder / "onnx-int8.onnx", int8=True, calibrate=data, crops=crops)
    smaller = reseen.export_run(
        run, folder / "onnx-int8-0.01.onnx", int8=True, calibrate=data, crops=crops, loss=0.01
    )
    reseen.export_run(run, folder / "torch-float32.pt2")
    made = {"float32": plain, "int8": small, "int8-0.01": smaller}
    for kept, export in made.items():
        write_openvino(export.file, export.card, folder / f"openvino-{kept}.xml")
    files = {f"{kind} {kept}": folder / f"{kind}-{kept}" for kept in made for kind in ("onnx", "openvino")}
    places = {
        name: Path(f"{file}{'.xml' if 'openvino' in name else '.onnx'}") for name, file in files.items()
    }
    return places | {"torch float32": folder / "torch-float32.pt2"}


def scored(retrieval: Retrieval) -> dict:
    """The scores that are compared, 0 to 1."""
    score = retrieval.score()
    return {"mAP": round(score.mean_average_precision, 5), "rank_1": round(score.cmc[1], 5)}


def by_file(file: ExportedFile, retrieval: Retrieval) -> dict:
    """The scores with the file's vectors, and their cosines with the run's over query and gallery."""
    task = retrieval.task
    query = file_features(file, FORM, retrieval.query, no_progress)
    gallery = file_features(file, FORM, retrieval.gallery, no_progress)
    cosines = torch.cat(
        [
            (a.vectors.double() * b.vectors.double()).sum(1)
            for a, b in ((query, task.query), (gallery, task.gallery))
        ]
    )
    by_the_file = replace(task, query=query, gallery=gallery)
    before, after = first_is_right(task), first_is_right(by_the_file)
    flips = {"rank_1_gained": int((after & ~before).sum()), "rank_1_lost": int((before & ~after).sum())}
    return scored(replace(retrieval, task=by_the_file)) | flips | shown(cosines.numpy())


def first_is_right(task: RetrievalTask) -> np.ndarray:
    """Per query, whether the nearest crop that counts is of its person."""
    similarity = task.query.numpy @ task.gallery.numpy.T
    same = task.query_identities[:, None] == task.gallery_identities
    similarity[same & (task.query_cameras[:, None] == task.gallery_cameras)] = -2
    return same[np.arange(len(same)), similarity.argmax(axis=1)]


@torch.no_grad()
def resized(file: ExportedFile, run: Run, retrieval: Retrieval, height: int, width: int) -> dict:
    """Cosines of the file's vectors of crops of another size with the run's, which Pillow resizes for."""
    encoder, cosines = run.encoder(), []
    for row in range(len(retrieval.query)):
        pixels = retrieval.query.images(torch.tensor([row]))[0].permute(1, 2, 0).numpy()
        crop = fit(pixels, height, width)
        small = torch.from_numpy(fit(crop, encoder.height, encoder.width).copy()).permute(2, 0, 1)[None]
        wanted = encoder(normalize(small, encoder.mean, encoder.std)).double().numpy()
        cosines.append(float((file(crop[None]).astype(np.float64) * wanted).sum()))
    return shown(np.array(cosines))


def shown(cosines: np.ndarray) -> dict:
    """Smallest, median and number."""
    return {
        "cosine_minimum": round(float(cosines.min()), 7),
        "cosine_median": round(float(np.median(cosines)), 7),
        "crops": len(cosines),
    }


def reseen_extras() -> dict[str, str]:
    """Versions of the runtimes."""
    from importlib.metadata import version

    return {name: version(name) for name in ("onnx", "onnxscript", "onnxruntime", "openvino")}


if __name__ == "__main__":
    main()
