"""Checkpoints: the complete training state in one safetensors file, written atomically and never pickled."""

import json
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from reseen.errors import RunError
from reseen.files import storage_error, write_atomically
from reseen.methods import AbstractMethod
from reseen.records import PseudoLabels

CHECKPOINT = "checkpoint.safetensors"
START = "start.safetensors"
"""The starting weights, with BNNeck statistics estimated; the baseline that a run is compared with."""
PREVIOUS = "previous.safetensors"
"""The checkpoint of the previous round, kept during training to roll back a round that collapsed."""
TRAINED_PREFIX = "encoder."
"""Prefix of the trained encoder's weights; a method may use others for evaluation."""

_LABELS = "round.labels"

_REMEDY = "; restore it from a copy, or train into a new folder"


@dataclass(frozen=True)
class TrainingState:
    """The objects whose state training changes, and a checkpoint saves."""

    encoder: nn.Module
    optimizer: Optimizer
    generator: Generator
    method: AbstractMethod


def save_checkpoint(
    path: Path, state: TrainingState, rounds_done: int, labels: PseudoLabels | None = None
) -> None:
    """Write weights, optimizer state and random states.

    Args:
        path: the file, replaced atomically.
        state: what to save.
        rounds_done: number of complete rounds.
        labels: pseudo-labels of the last round; None before the first.

    Raises:
        StorageError: the disk is full or the file cannot be written; the earlier checkpoint stays.
    """
    tensors = {f"{TRAINED_PREFIX}{key}": value for key, value in state.encoder.state_dict().items()}
    tensors |= {f"method.{key}": value for key, value in state.method.state().items()}
    if labels is not None:
        tensors[_LABELS] = torch.from_numpy(labels.labels)
    tensors["random.generator"] = state.generator.get_state()
    tensors["random.torch"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    for index, values in state.optimizer.state_dict()["state"].items():
        for key, value in values.items():
            tensors[f"optimizer.{index}.{key}"] = torch.as_tensor(value)
    scored = {"scored": f"method.{state.method.scored_prefix}"} if state.method.scored_prefix else {}
    _write(path, tensors, {"rounds_done": str(rounds_done), **scored})


def save_start(path: Path, encoder: nn.Module) -> None:
    """Write the starting weights of an encoder, as a checkpoint of 0 rounds without optimizer and random states.

    Raises:
        StorageError: the disk is full or the file cannot be written.
    """
    tensors = {f"{TRAINED_PREFIX}{key}": value for key, value in encoder.state_dict().items()}
    _write(path, tensors, {"rounds_done": "0"})


def keep_previous(folder: Path) -> None:
    """Keep a copy of the checkpoint, before that of the next round replaces it.

    Raises:
        StorageError: the folder cannot be written.
    """
    write_atomically(folder / PREVIOUS, lambda temporary: _link(folder / CHECKPOINT, temporary))


def restore_previous(folder: Path) -> int:
    """Restore the checkpoint of the previous round, if there is one; returns the number of complete rounds.

    Raises:
        RunError: the checkpoint is damaged.
        StorageError: the folder cannot be written.
    """
    if (folder / PREVIOUS).is_file():
        try:
            (folder / PREVIOUS).replace(folder / CHECKPOINT)
        except OSError as error:
            raise storage_error(folder / CHECKPOINT, error) from None
    return rounds_in(folder / CHECKPOINT)


def drop_previous(folder: Path) -> None:
    """Delete the checkpoint of the previous round, at the end of training."""
    (folder / PREVIOUS).unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """Create a hard link to a file, which is safe because checkpoints are only replaced; a copy without hard links."""
    try:
        target.unlink(missing_ok=True)
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    copies = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    metadata = {**metadata, "format": "reseen-checkpoint-1", "checksum": _checksum(copies)}
    write_atomically(path, lambda temporary: save_file(copies, temporary, metadata))


def save_file(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file with ordinary writes, such that equal tensors and metadata give equal bytes.

    The library's own function raises an error without an error number on a full disk, and creates files that only the
    owner can read. It also writes metadata in random order, so that a file's digest would change without a reason.
    """
    content = memoryview(save(tensors))
    start = 8 + int.from_bytes(content[:8], "little")
    entries = {"__metadata__": dict(sorted(metadata.items())), **json.loads(bytes(content[8:start]))}
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)  # data begins at a multiple of 8 bytes
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        file.write(content[start:])


def load_checkpoint(path: Path, state: TrainingState) -> tuple[int, PseudoLabels | None]:
    """Load a checkpoint into `state`.

    Returns:
        The number of complete rounds, and the pseudo-labels of the last; None before the first.

    Raises:
        RunError: the file is missing or damaged, or belongs to another model.
    """
    tensors, metadata = read_checkpoint(path)
    load_encoder_state(path, state.encoder, tensors, TRAINED_PREFIX)
    try:
        _restore(state, tensors)
        labels = PseudoLabels(tensors[_LABELS].numpy()) if _LABELS in tensors else None
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError) as error:
        raise RunError(f"{path}: does not fit this training ({error}){_REMEDY}") from None
    return int(metadata["rounds_done"]), labels


def _restore(state: TrainingState, tensors: dict[str, Tensor]) -> None:
    """Restore optimizer, method and random states; missing tensors raise various built-in errors."""
    values: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, field = key.split(".", 2)
            values.setdefault(int(index), {})[field] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": values, "param_groups": groups})
    _follow_memory_format(state.optimizer)
    prefix = "method."
    state.method.restore(
        {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    )
    state.generator.set_state(tensors["random.generator"])
    torch.set_rng_state(tensors["random.torch"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])


def _follow_memory_format(optimizer: Optimizer) -> None:
    """Give optimizer moments the memory format of their weights, because mixed formats make every step slower."""
    for parameter, values in optimizer.state.items():
        for key, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                values[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def load_encoder_state(path: Path, encoder: nn.Module, tensors: dict[str, Tensor], prefix: str) -> None:
    """Load the weights of a checkpoint whose names begin with `prefix` into `encoder`.

    Raises:
        RunError: they belong to another model.
    """
    own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    try:
        encoder.load_state_dict(own)
    except RuntimeError as error:
        raise RunError(f"{path}: contains another model than the run's recipe describes ({error})") from None


def rounds_in(path: Path) -> int:
    """The number of complete rounds of a checkpoint, without reading its weights.

    Raises:
        RunError: the file is missing or damaged.
    """
    return int(read_checkpoint(path, weights=False)[1]["rounds_done"])


def labels_in(path: Path) -> PseudoLabels | None:
    """The pseudo-labels of the last round of a checkpoint; None before the first.

    Raises:
        RunError: the file is missing or damaged.
    """
    labels = read_checkpoint(path)[0].get(_LABELS)
    return None if labels is None else PseudoLabels(labels.numpy())


def read_checkpoint(path: Path, weights: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the metadata of a checkpoint; without `weights`, only the metadata.

    Raises:
        RunError: the file is missing or damaged.
    """
    if not path.is_file():
        raise RunError(f"{path.parent}: no {path.name} here; is this a run folder made by `reseen train`?")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in (file.keys() if weights else ())}
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError) as error:
        raise RunError(f"{path}: this checkpoint is damaged ({error}){_REMEDY}") from None
    if not metadata.get("rounds_done", "").isdecimal():
        raise RunError(f"{path}: not a checkpoint of reseen")
    if weights and metadata.get("checksum", actual := _checksum(tensors)) != actual:  # early ones have none
        raise RunError(f"{path}: this checkpoint is damaged (its checksum is {actual}){_REMEDY}")
    return tensors, dict(metadata)


def _checksum(tensors: dict[str, Tensor]) -> str:
    """CRC-32 (hex) of names and values, which detects errors of a disk or a copy."""
    crc = 0
    for name, tensor in sorted(tensors.items()):
        data = tensor.reshape(-1).view(torch.uint8).numpy().data
        crc = zlib.crc32(data, zlib.crc32(name.encode(), crc))
    return f"{crc:08x}"
