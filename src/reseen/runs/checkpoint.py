"""All that a run needs to go on to the same bits, in one safetensors file: whole or absent, never pickled."""

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
"""The weights before the first training step, its neck settled: what a run is compared with."""
PREVIOUS = "previous.safetensors"
"""The checkpoint of the round before, while a training goes on: what it goes back to from a round that collapsed."""
LEARNING = "encoder."
"""What the names of the weights begin with that learn; a method may have others scored."""

_LABELS = "round.labels"

_AGAIN = "; restore it from a copy, or train into a new folder"


@dataclass(frozen=True)
class TrainingState:
    """The things that training changes."""

    encoder: nn.Module
    optimizer: Optimizer
    generator: Generator
    method: AbstractMethod


def save_checkpoint(
    path: Path, state: TrainingState, rounds_done: int, labels: PseudoLabels | None = None
) -> None:
    """Write weights, optimizer, random numbers and the pseudo labels of the last of `rounds_done` whole rounds.

    Raises:
        StorageError: the disk is full or the place cannot be written; the earlier checkpoint stays.
    """
    tensors = {f"{LEARNING}{key}": value for key, value in state.encoder.state_dict().items()}
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
    """Write the weights that an encoder starts with, as a checkpoint of 0 rounds without a state of training.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    tensors = {f"{LEARNING}{key}": value for key, value in encoder.state_dict().items()}
    _write(path, tensors, {"rounds_done": "0"})


def keep_previous(folder: Path) -> None:
    """Keep the checkpoint of a run as the one of the round before; the next one replaces it.

    Raises:
        StorageError: the place cannot be written.
    """
    write_atomically(folder / PREVIOUS, lambda temporary: _link(folder / CHECKPOINT, temporary))


def restore_previous(folder: Path) -> int:
    """Put the checkpoint of the round before back in place, where there is one; returns its number of whole rounds.

    Raises:
        RunError: the checkpoint is damaged.
        StorageError: the place cannot be written.
    """
    if (folder / PREVIOUS).is_file():
        try:
            (folder / PREVIOUS).replace(folder / CHECKPOINT)
        except OSError as error:
            raise storage_error(folder / CHECKPOINT, error) from None
    return rounds_in(folder / CHECKPOINT)


def drop_previous(folder: Path) -> None:
    """Delete the checkpoint of the round before, when no training needs it any more."""
    (folder / PREVIOUS).unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """A second name for a file that is only ever replaced; a copy where the disk knows no such names."""
    try:
        target.unlink(missing_ok=True)
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    whole = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    described = {**metadata, "format": "reseen-checkpoint-1", "checksum": _checksum(whole)}
    write_atomically(path, lambda temporary: save_file(whole, temporary, described))


def save_file(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file by plain writes.

    The library's own writing raises an error without a number on a full disk, and makes files that only their
    owner can read. Equal tensors and metadata give equal bytes: the library orders the metadata by chance, and makes
    what is only known by a digest of its file look new.
    """
    content = memoryview(save(tensors))
    start = 8 + int.from_bytes(content[:8], "little")
    described = {"__metadata__": dict(sorted(metadata.items())), **json.loads(bytes(content[8:start]))}
    header = json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)  # numbers begin at a multiple of 8 bytes
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        file.write(content[start:])


def load_checkpoint(path: Path, state: TrainingState) -> tuple[int, PseudoLabels | None]:
    """Put a checkpoint back in place; returns the number of whole rounds, and the pseudo labels of the last.

    Raises:
        RunError: the file is missing, damaged, or of another model.
    """
    tensors, metadata = read_checkpoint(path)
    load_encoder_state(path, state.encoder, tensors, LEARNING)
    try:
        _restore(state, tensors)
        labels = PseudoLabels(tensors[_LABELS].numpy()) if _LABELS in tensors else None
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError) as error:
        raise RunError(f"{path}: does not hold the state of this training ({error}){_AGAIN}") from None
    return int(metadata["rounds_done"]), labels


def _restore(state: TrainingState, tensors: dict[str, Tensor]) -> None:
    """Optimizer, method and random numbers; whatever the tensors lack makes some error."""
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
    """Lay moments out like their weights: files hold plain order, and mixed orders make every step slower."""
    for parameter, values in optimizer.state.items():
        for key, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                values[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def load_encoder_state(path: Path, encoder: nn.Module, tensors: dict[str, Tensor], prefix: str) -> None:
    """Put the weights of a checkpoint whose names begin with `prefix` into `encoder`.

    Raises:
        RunError: they are another model's.
    """
    own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    try:
        encoder.load_state_dict(own)
    except RuntimeError as error:
        raise RunError(f"{path}: holds another model than the run's recipe says ({error})") from None


def rounds_in(path: Path) -> int:
    """The number of complete rounds in a checkpoint, without reading its weights.

    Raises:
        RunError: the file is missing or damaged.
    """
    return int(read_checkpoint(path, weights=False)[1]["rounds_done"])


def read_checkpoint(path: Path, weights: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors (none without `weights`) and metadata of a checkpoint.

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
        raise RunError(f"{path}: this checkpoint is damaged ({error}){_AGAIN}") from None
    if not metadata.get("rounds_done", "").isdecimal():
        raise RunError(f"{path}: not a checkpoint of reseen")
    if weights and metadata.get("checksum", found := _checksum(tensors)) != found:  # early ones have none
        raise RunError(f"{path}: this checkpoint is damaged (its checksum is {found}){_AGAIN}")
    return tensors, dict(metadata)


def _checksum(tensors: dict[str, Tensor]) -> str:
    """CRC-32 (hex) of names and numbers: what a disk or a copy got wrong in between is noticed."""
    total = 0
    for name, tensor in sorted(tensors.items()):
        numbers = tensor.reshape(-1).view(torch.uint8).numpy().data
        total = zlib.crc32(numbers, zlib.crc32(name.encode(), total))
    return f"{total:08x}"
