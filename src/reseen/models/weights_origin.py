"""Which timm model a file of weights belongs to, and whether another model's modules compute the same.

Tensors of the same names and shapes are not enough: `tf_efficientnet_lite0` and `efficientnet_lite0` differ in padding,
epsilon and mean alone, which no tensor shows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError, safe_open

from reseen.errors import WeightsError

NAME_KEY = "reseen.backbone"
"""Key of the timm name in the metadata of a safetensors file, and in the card of an exported model."""

_LONGEST = 200
"""Letters of a name; longer ones are none."""

_CONFIG = "config.json"
"""What the hub keeps beside a file of weights."""


@dataclass(frozen=True)
class Origin:
    """What a file says of the network that its weights were trained in."""

    name: str = ""
    """Its name in timm, perhaps with a tag; empty where nothing says it."""
    source: str = ""
    mean: tuple[float, ...] | None = None
    """Per-channel mean of its images, for values 0 to 1; None where not said."""
    std: tuple[float, ...] | None = None


def read_origin(file: Path) -> Origin:
    """By the file's metadata, else by the hub's `config.json` beside it, else by its own name.

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
    beside = _name_in_config(file.parent / _CONFIG)
    if beside:
        return Origin(beside, f"the {_CONFIG} beside it", mean, std)
    if timm.is_model(file.stem.partition(".")[0]):
        return Origin(file.stem, "its file name", mean, std)
    return Origin(mean=mean, std=std)


def check_origin(origin: Origin, backbone: str, file: Path) -> str:
    """Refuse weights of a network that computes otherwise than `backbone`; returns what is known, in a few words.

    Raises:
        WeightsError: it is another network, or its images had another mean or deviation.
    """
    config = timm.get_pretrained_cfg(backbone)
    given, wanted = _base(origin.name), _base(backbone)
    if origin.name and given != wanted:
        found = difference(given, wanted)
        if found:
            raise WeightsError(
                f"model.weights: {file} holds {origin.name} by {origin.source}, and model.backbone is {backbone}, "
                f"which differs in {found}; set --model.backbone {origin.name}, or give weights of {backbone}"
            )
    of_name = _pretrained_config(origin.name) if origin.name else None
    for what in ("mean", "std") if config is not None else ():
        used = tuple(getattr(config, what))
        trained = getattr(origin, what) or (tuple(getattr(of_name, what)) if of_name else None)
        if trained and not _close(trained, used):
            hint = (
                f"set --model.backbone {origin.name}, or " if origin.name and origin.name != backbone else ""
            )
            raise WeightsError(
                f"model.weights: {file} was trained on images with {what} {_text(trained)}, and model.backbone "
                f"{backbone} has {_text(used)}; {hint}name the tag of {wanted} that has it"
            )
    if origin.name:
        return f"{origin.name} by {origin.source}"
    twin = wanted.removeprefix("tf_") if wanted.startswith("tf_") else f"tf_{wanted}"
    other = f" and not {twin}" if timm.is_model(twin) else ""
    return f"nothing says of which network, taken for {backbone}{other}"


def difference(first: str, second: str) -> str:
    """In which modules two timm models differ, sizes of images aside; empty where they compute the same."""
    if not timm.is_model(first):  # nor is the network asked, for names that begin with a hub
        return "its name"
    try:
        with torch.device("meta"):
            printed = [repr(timm.create_model(name, num_classes=0)).splitlines() for name in (first, second)]
    except Exception:  # a model that needs more settings
        return "its name"
    if printed[0] == printed[1]:
        return ""
    pairs = ((a.strip(), b.strip()) for a, b in zip(*printed, strict=False) if a != b)
    one, other = next(pairs, ("its number of modules", "that of the other"))
    return f"its modules: {one[:100]} for {other[:100]}"


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
