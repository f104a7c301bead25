"""Reads and writes the camera means of a run, a small file in the run folder."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from reseen.camera_means import CameraMeans
from reseen.errors import RunError
from reseen.files import write_atomically
from reseen.runs.checkpoint import save_file
from reseen.runs.run import Run

CAMERAS = "cameras.safetensors"
_FORMAT = "reseen-cameras-1"


def write_camera_means(file: Path, means: CameraMeans, of: str) -> None:
    """Write camera means; `of` identifies the encoder that they belong to, such as the round of a run.

    Raises:
        StorageError: the file cannot be written.
    """
    tensors = {
        "means": torch.from_numpy(means.means).float(),
        "crops": torch.from_numpy(means.crops),
        "sightings": torch.from_numpy(means.sightings),
    }
    metadata = {"format": _FORMAT, "cameras": json.dumps(means.cameras), "of": of}
    write_atomically(file, lambda temporary: save_file(tensors, temporary, metadata))


def read_camera_means(file: Path, of: str) -> CameraMeans | None:
    """Read camera means; None if there is no file, or if its `of` differs.

    Raises:
        RunError: the file is damaged.
    """
    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {key: opened.get_tensor(key).numpy() for key in ("means", "crops", "sightings")}
        if metadata["format"] != _FORMAT:
            raise ValueError(f"its format is {metadata['format'][:40]}")
        if metadata["of"] != of:
            return None
        cameras = json.loads(metadata["cameras"])
        if not isinstance(cameras, list) or not all(isinstance(c, str | None) for c in cameras):
            raise ValueError("its cameras are not a list of names")
        return CameraMeans(
            tuple(cameras),
            tensors["means"].astype("float64"),
            tensors["crops"].astype("int64"),
            tensors["sightings"].astype("int64"),
        )
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError(
            f"{file}: damaged ({error}); remove it, and crops are centered by the means of the gallery only"
        ) from None


def camera_means_of(run: Run) -> CameraMeans | None:
    """The camera means of the training crops, by the encoder after the last round.

    None if cameras are disabled or unknown, or if training stopped before its last round.

    Raises:
        RunError: the file or the checkpoint is damaged.
    """
    if not run.recipe.cameras:
        return None
    return read_camera_means(run.folder / CAMERAS, of=rounds_text(run))


def rounds_text(run: Run) -> str:
    """The `of` of a run's camera means: its last complete round, and whether embeddings are whitened."""
    whitened = "" if run.whitening() is None else " whitened"
    return f"round {run.rounds_done}{whitened}"
