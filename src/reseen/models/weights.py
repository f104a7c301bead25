"""Starting weights of a backbone: a local safetensors file, timm's hub, or none."""

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


def load_backbone_weights(backbone: nn.Module, file: Path, name: str) -> str:
    """Load a safetensors file into the timm model `name`; position embeddings are resized to the model's input.

    Classifier layers in the file are left out. Returns one line that says what was loaded.

    Raises:
        WeightsError: the file is missing, is not safetensors, does not hold this model, or says that its weights are
            those of another that only has the same tensors.
    """
    state = read_safetensors(file)
    if any(key.startswith("encoder.trunk.") for key in state):
        raise WeightsError(
            f"model.weights: {file} is the checkpoint of a run; start from it with --model.start {file.parent}, or "
            f"write its backbone to a file with `reseen weights {file.parent} --out FILE.safetensors`"
        )
    known = check_origin(read_origin(file), name, file)
    # A timm model file may rename and resize (position embeddings) what a checkpoint holds.
    adapt = getattr(sys.modules[type(backbone).__module__], "checkpoint_filter_fn", None)
    if adapt is not None:
        try:
            state = adapt(state, backbone)
        except Exception as error:  # what it makes of a strange file is anybody's guess
            raise WeightsError(
                f"model.weights: {file} does not hold {name} in a form that timm can adapt ({type(error).__name__}); "
                "check model.backbone"
            ) from None
    wanted = backbone.state_dict()
    state = {key: value for key, value in state.items() if key in wanted or not key.startswith(_HEADS)}
    _check_fit(state, wanted, file)
    backbone.load_state_dict(state, strict=False)
    return f"weights: {file} ({len(state)} tensors; {known})"


def save_backbone_weights(backbone: nn.Module, file: Path, name: str) -> int:
    """Write the weights of the timm model `name` with its name, mean and deviation; returns the number of tensors.

    Raises:
        StorageError: the place cannot be written.
    """
    config = timm.get_pretrained_cfg(name) or timm.models.PretrainedCfg()
    metadata = {"format": "pt", NAME_KEY: name}
    metadata |= {what: ",".join(f"{value:g}" for value in getattr(config, what)) for what in ("mean", "std")}
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
