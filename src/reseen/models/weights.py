"""Starting weights of a backbone: a local safetensors file, timm's hub, or none."""

import sys
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from reseen.errors import WeightsError

_HEADS = ("classifier.", "head.fc.", "head.", "fc.", "last_linear.", "head_dist.")


def load_backbone_weights(backbone: nn.Module, file: Path) -> str:
    """Load a safetensors file into a timm backbone; position embeddings are resized to the model's input.

    Classifier layers in the file are left out. Returns one line that says what was loaded.

    Raises:
        WeightsError: the file is missing, is not safetensors, or does not hold this model.
    """
    state = read_safetensors(file)
    # A timm model file may rename and resize (position embeddings) what a checkpoint holds.
    adapt = getattr(sys.modules[type(backbone).__module__], "checkpoint_filter_fn", None)
    if adapt is not None:
        state = adapt(state, backbone)
    wanted = backbone.state_dict()
    state = {key: value for key, value in state.items() if key in wanted or not key.startswith(_HEADS)}
    _check_fit(state, wanted, file)
    backbone.load_state_dict(state, strict=False)
    return f"weights: {file} ({len(state)} tensors)"


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
            "pickled checkpoints are refused because they can run code: convert them first"
        ) from None


def _check_fit(state: dict[str, Tensor], wanted: dict[str, Tensor], file: Path) -> None:
    optional = {key for key in wanted if key.endswith("num_batches_tracked")}
    missing = sorted(set(wanted) - set(state) - optional)
    extra = sorted(set(state) - set(wanted))
    shapes = sorted(key for key in set(state) & set(wanted) if state[key].shape != wanted[key].shape)
    for keys, what in ((missing, "lacks"), (extra, "has unknown"), (shapes, "has other shapes for")):
        if keys:
            raise WeightsError(
                f"model.weights: {file} does not hold this backbone: it {what} {len(keys)} of "
                f"{len(wanted)} tensors, such as '{keys[0]}'; check model.backbone"
            )
    broken = [key for key, value in state.items() if value.is_floating_point() and not _finite(value)]
    if broken:
        raise WeightsError(f"model.weights: {file} holds values that are not numbers in '{broken[0]}'")


def _finite(value: Tensor) -> bool:
    return bool(torch.isfinite(value).all())
