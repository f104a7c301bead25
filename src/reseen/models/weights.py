"""Reads and writes the weights of a backbone as safetensors files.

A file is only read into the timm model that it belongs to. Equal tensor names and shapes are not sufficient:
`tf_efficientnet_lite0` and `efficientnet_lite0` differ only in padding, epsilon and mean, which no tensor shows.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from reseen.errors import WeightsError
from reseen.files import write_atomically

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


def mismatch(state: dict[str, Tensor], expected: dict[str, Tensor]) -> str:
    """The first thing in which the tensors of a file differ from those of a network, for a message; empty if nothing.

    Counts of the batches that a batch norm has seen may be missing.
    """
    optional = {key for key in expected if key.endswith("num_batches_tracked")}
    missing = sorted(set(expected) - set(state) - optional)
    extra = sorted(set(state) - set(expected))
    shapes = sorted(key for key in set(state) & set(expected) if state[key].shape != expected[key].shape)
    for keys, problem in ((missing, "lacks"), (extra, "has unknown"), (shapes, "has other shapes for")):
        if keys:
            return f"it {problem} {len(keys)} of {len(expected)} tensors, such as '{keys[0]}'"
    return ""


def _check_fit(state: dict[str, Tensor], expected: dict[str, Tensor], file: Path) -> None:
    if problem := mismatch(state, expected):
        raise WeightsError(
            f"model.weights: {file} does not match this backbone: {problem}; check model.backbone"
        )
    invalid = [key for key, value in state.items() if value.is_floating_point() and not _finite(value)]
    if invalid:
        raise WeightsError(f"model.weights: {file} contains NaN or infinite values in '{invalid[0]}'")


def _finite(value: Tensor) -> bool:
    return bool(torch.isfinite(value).all())


NAME_KEY = "reseen.backbone"
"""Key of the timm name in the metadata of a safetensors file, and in the card of an exported model."""

_LONGEST = 200
"""Longest model name accepted from a file, in characters."""

_CONFIG = "config.json"
"""Name of the configuration file that the Hub stores beside a weights file."""


@dataclass(frozen=True)
class Origin:
    """The model that a weights file states it belongs to."""

    name: str = ""
    """Name in timm, possibly with a tag; empty if unknown."""
    source: str = ""
    """Where the name was found, for messages; empty if unknown."""
    mean: tuple[float, ...] | None = None
    """Per-channel mean of the training images, for values 0 to 1; None if unknown."""
    std: tuple[float, ...] | None = None
    """Per-channel standard deviation of the training images; None if unknown."""


def read_origin(file: Path) -> Origin:
    """The origin of a file from its metadata, else from the `config.json` beside it, else from its file name.

    Raises:
        WeightsError: the file is not safetensors.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            metadata: dict[str, Any] = opened.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"model.weights: {file} is not a readable safetensors file ({error})") from None
    mean, std = _numbers(metadata.get("mean")), _numbers(metadata.get("std"))
    name = metadata.get(NAME_KEY, "")
    if name and name.isprintable() and len(name) <= _LONGEST:
        return Origin(name, "its metadata", mean, std)
    configured = _name_in_config(file.parent / _CONFIG)
    if configured:
        return Origin(configured, f"the {_CONFIG} beside it", mean, std)
    if timm.is_model(file.stem.partition(".")[0]):
        return Origin(file.stem, "its file name", mean, std)
    return Origin(mean=mean, std=std)


def check_origin(origin: Origin, backbone: str, file: Path) -> str:
    """Raise if the weights belong to a model that computes differently from `backbone`; returns a note on the origin.

    Raises:
        WeightsError: it is another model, or was trained with another mean or std.
    """
    config = timm.get_pretrained_cfg(backbone)
    stated, expected = _base(origin.name), _base(backbone)
    if origin.name and stated != expected:
        differing = difference(stated, expected)
        if differing:
            raise WeightsError(
                f"model.weights: {file} contains {origin.name} according to {origin.source}, but model.backbone is "
                f"{backbone}, which differs in {differing}; set --model.backbone {origin.name}, or use weights of "
                f"{backbone}"
            )
    origin_config = _pretrained_config(origin.name) if origin.name else None
    for what in ("mean", "std") if config is not None else ():
        used = tuple(getattr(config, what))
        trained = getattr(origin, what) or (tuple(getattr(origin_config, what)) if origin_config else None)
        if trained and not _close(trained, used):
            hint = (
                f"set --model.backbone {origin.name}, or " if origin.name and origin.name != backbone else ""
            )
            raise WeightsError(
                f"model.weights: {file} was trained on images with {what} {_text(trained)}, but model.backbone "
                f"{backbone} uses {_text(used)}; {hint}add the tag of {expected} that uses it"
            )
    if origin.name:
        return f"{origin.name} according to {origin.source}"
    twin = expected.removeprefix("tf_") if expected.startswith("tf_") else f"tf_{expected}"
    other = f", not {twin}" if timm.is_model(twin) else ""
    return f"model not stated, assumed to be {backbone}{other}"


def difference(first: str, second: str) -> str:
    """The first difference between the modules of two timm models, apart from image sizes; empty if there is none."""
    if not timm.is_model(first):  # timm would download models for names with a hub prefix
        return "its name"
    try:
        with torch.device("meta"):
            printed = [repr(timm.create_model(name, num_classes=0)).splitlines() for name in (first, second)]
    except Exception:  # a model that needs further arguments
        return "its name"
    if printed[0] == printed[1]:
        return ""
    pairs = ((a.strip(), b.strip()) for a, b in zip(*printed, strict=False) if a != b)
    one, other = next(pairs, ("its number of modules", "that of the other"))
    return f"its modules: {one[:100]} instead of {other[:100]}"


def _name_in_config(file: Path) -> str:
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""
    name = config.get("architecture") if isinstance(config, dict) else None
    if not isinstance(name, str) or not timm.is_model(name):
        return ""
    pretrained = config.get("pretrained_cfg")
    tag = pretrained.get("tag") if isinstance(pretrained, dict) else None
    return (
        f"{name}.{tag}" if isinstance(tag, str) and tag.isprintable() and 0 < len(tag) <= _LONGEST else name
    )


def _pretrained_config(name: str) -> Any:
    try:
        return timm.get_pretrained_cfg(name)
    except RuntimeError:  # a tag of another version of timm
        return None


def _base(name: str) -> str:
    return name.partition(".")[0]


def _numbers(text: object) -> tuple[float, ...] | None:
    try:
        values = tuple(float(part) for part in str(text).split(","))
    except ValueError:
        return None
    return values if len(values) == 3 else None


def _close(first: Sequence[float], second: Sequence[float]) -> bool:
    return all(abs(a - b) < 1e-3 for a, b in zip(first, second, strict=True))


def _text(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
