"""The formats that reseen reads: files to start from, and what it does with one."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from benchmarks.faulting import binary_structures, structures
from benchmarks.faulting import desk as desks
from benchmarks.faulting.desk import TINY, Desk
from benchmarks.faulting.format import Format
from benchmarks.faulting.kept_formats import KEPT, kept_formats
from benchmarks.faulting.passed_on_formats import PASSED_ON, passed_on_formats
from benchmarks.faulting.structures import Restructure

from reseen.audit import read_answers
from reseen.camera_means import CameraMeans
from reseen.data.decode import decode, fit, quiet_pillow, read_bytes
from reseen.data.labels import read_labels
from reseen.data.table import ImageSource
from reseen.datasets import read_evaluation, read_training
from reseen.evaluate.feature_files import read_features
from reseen.features.vector_file import read_vectors
from reseen.models.backbone import build_backbone
from reseen.models.weights import load_backbone_weights
from reseen.pages.line_charts import charts
from reseen.pages.scores import log_table
from reseen.runs.camera_file import CAMERAS, read_camera_means, write_camera_means
from reseen.runs.checkpoint import CHECKPOINT, TrainingState, load_checkpoint, read_checkpoint
from reseen.runs.cluster_file import CLUSTERS, read_clusters
from reseen.runs.log import LOG
from reseen.runs.recipe import Recipe, load_recipe, shipped_recipes
from reseen.runs.run import FACTS, RECIPE, open_run
from reseen.tasks.evaluation.report import run_facts
from reseen.training.setup import set_up

FORMATS = (
    "image", "csv", "parquet", "npz", "recipe", "weights", "checkpoint.safetensors", "cameras.safetensors", "run.json",
    "recipe.yaml", "log.jsonl", "clusters.parquet", *KEPT, *PASSED_ON,
)  # fmt: skip
"""Names of all formats."""

STRUCTURED = tuple(name for name in FORMATS if name != "image")
"""Those whose values can be replaced one by one."""

_STRUCTURES: dict[str, Restructure] = {
    "csv": structures.of_csv, "parquet": binary_structures.of_parquet, "npz": binary_structures.of_npz,
    "recipe": structures.of_yaml, "weights": structures.of_safetensors, CHECKPOINT: structures.of_safetensors,
    CAMERAS: structures.of_safetensors,
    FACTS: structures.of_json, RECIPE: structures.of_yaml, LOG: structures.of_json_lines,
    CLUSTERS: binary_structures.of_parquet,
}  # fmt: skip


def formats(desk: Desk) -> dict[str, Format]:
    """All formats, by name."""
    run = desk.run
    labels = b"path,label\ncrops/0.png,a\ncrops/1.png,b\n"
    answers = b"sheet,stratum,answer,crop_1,crop_2\n1,2,same,a,b\n"
    recipes = [path.read_bytes() for path in shipped_recipes().values()]

    def beside(name: str, times: int = 1) -> Format:
        """A file that lies in a run folder."""
        return Format(name, name, [(run / name).read_bytes() * times], [_run_reader(desk, name)])

    made = [
        Format("image", "crop.jpg", desks.images(), [_image]),
        Format(
            "csv",
            "crops.csv",
            [*desks.tables(), labels, answers],
            [read_training, _evaluation, _labels, _answers],
        ),
        Format("parquet", "crops.parquet", desks.vectors(), [read_vectors, read_training, read_features]),
        Format("npz", "features.npz", desks.arrays(), [read_features]),
        Format("recipe", "mine.yaml", [*recipes, Recipe().to_yaml().encode()], [load_recipe]),
        Format("weights", "weights.safetensors", [_weights(run)], [_weights_reader(run)]),
        Format(CHECKPOINT, CHECKPOINT, _checkpoints(run), [_checkpoint_reader(desk)]),
        Format(CAMERAS, CAMERAS, [_camera_means(desk.folder)], [_camera_means_reader]),
        beside(FACTS),
        beside(RECIPE),
        beside(LOG, times=3),
        beside(CLUSTERS),
    ]
    made = [replace(kind, structure=_STRUCTURES.get(kind.name)) for kind in made]
    return {kind.name: kind for kind in (*made, *kept_formats(desk), *passed_on_formats(desk))}


def _image(file: Path) -> None:
    with quiet_pillow():
        fit(decode(read_bytes(ImageSource(file))), 64, 32)


def _evaluation(file: Path) -> None:
    read_evaluation(file)


def _labels(file: Path) -> None:
    read_labels(file, read_training(file.parent / "crops"))


def _answers(file: Path) -> None:
    read_answers([file])


def _weights(run: Path) -> bytes:
    from safetensors.torch import save

    trunk = open_run(run).encoder().trunk
    return save({name: value.contiguous() for name, value in trunk.state_dict().items()})


def _camera_means(folder: Path) -> bytes:
    means = CameraMeans(
        cameras=("c1", "c2"), means=np.eye(2, 16), crops=np.array([30, 40]), sightings=np.array([12, 9])
    )
    file = folder / f"some {CAMERAS}"
    write_camera_means(file, means, of="round 2")
    return file.read_bytes()


def _camera_means_reader(file: Path) -> None:
    read_camera_means(file, of="round 2")


def _checkpoints(run: Path) -> list[bytes]:
    """With its checksum, which notices nearly everything, and without it, as early ones are."""
    from safetensors.torch import save

    tensors, metadata = read_checkpoint(run / CHECKPOINT)
    del metadata["checksum"]
    return [(run / CHECKPOINT).read_bytes(), save(tensors, metadata)]


def _weights_reader(run: Path) -> Callable[[Path], object]:
    settings = open_run(run).recipe.model
    backbone = build_backbone(settings, 64, 32).trunk
    return lambda file: load_backbone_weights(backbone, file, settings.backbone)


def _checkpoint_reader(desk: Desk) -> Callable[[Path], object]:
    recipe = load_recipe("cluster-contrast", [*TINY, "--train.rounds", "1", "--train.iterations", "2"])
    training = set_up(recipe, read_training(desk.crowd), desk.folder / "resumed", quiet=True)
    state = TrainingState(training.encoder, training.optimizer, training.generator, training.method)
    reader = _run_reader(desk, CHECKPOINT)

    def read(file: Path) -> None:
        try:
            reader(file)
        finally:
            load_checkpoint(file, state)

    return read


def _run_reader(desk: Desk, name: str) -> Callable[[Path], object]:
    """Puts the file in the place of that of a run, and does what commands do with runs."""
    folder = desk.folder / f"run with another {name}"
    shutil.copytree(desk.run, folder, dirs_exist_ok=True)

    def read(file: Path) -> None:
        shutil.copy(file, folder / name)
        run = open_run(folder)
        run.summary, run.rounds_done, run_facts(run)
        charts(run.log), log_table(run.log)
        if name != LOG:
            with torch.no_grad():
                run.encoder()
        read_clusters(folder)

    return read
