"""Reads and writes the weights of a backbone as safetensors files."""

import sys
from pathlib import Path

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from reseen.errors import WeightsError
from reseen.files import write_atomically
from reseen.models.weights_origin import NAME_KEY, check_origin, read_origin

_HEADS = ("classifier.", "head.fc.", "head.", "fc.", "last_linear.", "head_dist.")
"""Prefixes of classifier tensors, which are ignored."""


def load_backbone_weights(backbone: nn.Module, file: Path, name: str) -> str:
    """Load a safetensors file into the timm model `name`; position embeddings are resized to the model's input.

    Classifier tensors in the file are ignored. Returns a message about what was loaded.

    Raises:
        WeightsError: the file is missing, is not safetensors, does not match this model, or names another model that
            merely has the same tensors.
    """
    state = read_safetensors(file)
    if any(key.startswith("encoder.trunk.") for key in state):
        raise WeightsError(
            f"model.weights: {file} is a run's checkpoint; start from it with --model.start {file.parent}, or "
            f"extract its backbone with `reseen weights {file.parent} --out FILE.safetensors`"
        )
    origin = check_origin(read_origin(file), name, file)
    # A timm model may rename the tensors of a checkpoint and resize its position embeddings.
    adapt = getattr(sys.modules[type(backbone).__module__], "checkpoint_filter_fn", None)
    if adapt is not None:
        try:
            state = adapt(state, backbone)
        except Exception as error:  # timm's filters do not validate the file
            raise WeightsError(
                f"model.weights: timm cannot convert {file} to {name} ({type(error).__name__}); check model.backbone"
            ) from None
    expected = backbone.state_dict()
    state = {key: value for key, value in state.items() if key in expected or not key.startswith(_HEADS)}
    _check_fit(state, expected, file)
    backbone.load_state_dict(state, strict=False)
    return f"weights: {file} ({len(state)} tensors; {origin})"


def save_backbone_weights(backbone: nn.Module, file: Path, name: str) -> int:
    """Write the weights of the timm model `name` with its name, mean and std as metadata; returns the tensor count.

    Raises:
        StorageError: the file cannot be written.
    """
    config = timm.get_pretrained_cfg(name) or timm.models.PretrainedCfg()
    metadata = {"format": "pt", NAME_KEY: name}
    statistics = {"mean": config.mean, "std": config.std}
    metadata |= {key: ",".join(f"{value:g}" for value in values) for key, values in statistics.items()}
    state = {key: value.detach().cpu().contiguous().clone() for key, value in backbone.state_dict().items()}

    def write(temporary: Path) -> None:
        temporary.write_bytes(save(state, metadata))

    write_atomically(file, write)
    return len(state)


def read_safetensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        WeightsError: the file is missing or is not safetensors.
    """
    if not file.is_file():
        raise WeightsError(f"model.weights: no file {file}; give a safetensors file, 'hub' or 'none'")
    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"model.weights: {file} is not a readable safetensors file ({error}); "
            "pickled checkpoints are not supported because they can execute code: convert them first"
        ) from None


def _check_fit(state: dict[str, Tensor], expected: dict[str, Tensor], file: Path) -> None:
    optional = {key for key in expected if key.endswith("num_batches_tracked")}
    missing = sorted(set(expected) - set(state) - optional)
    extra = sorted(set(state) - set(expected))
    shapes = sorted(key for key in set(state) & set(expected) if state[key].shape != expected[key].shape)
    for keys, problem in ((missing, "lacks"), (extra, "has unknown"), (shapes, "has other shapes for")):
        if keys:
            raise WeightsError(
                f"model.weights: {file} does not match this backbone: it {problem} {len(keys)} of "
                f"{len(expected)} tensors, such as '{keys[0]}'; check model.backbone"
            )
    invalid = [key for key, value in state.items() if value.is_floating_point() and not _finite(value)]
    if invalid:
        raise WeightsError(f"model.weights: {file} contains NaN or infinite values in '{invalid[0]}'")


def _finite(value: Tensor) -> bool:
    return bool(torch.isfinite(value).all())
