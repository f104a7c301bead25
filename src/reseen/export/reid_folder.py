"""A folder that the package `reid` (Roboflow, Apache-2.0) reads: `weights.safetensors` and `reid_config.json`.

That package builds a plain timm model by name, loads all of its tensors, and takes what the model returns. It has
neither generalized-mean pooling nor a BNNeck, nor patches. The neck is therefore multiplied into the norm that the
backbone ends with, which gives the same vectors where nothing but averaging or choosing a token lies in between; what
cannot be written so is refused. A backbone that timm builds otherwise by default, such as a transformer for another
input size, is described by a `config.json` of timm beside it.
"""

import json
from pathlib import Path
from typing import Any

import timm
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from reseen.errors import ExportError
from reseen.exported.metadata import Card
from reseen.exported.reid_reader import (
    FOLDER_PREFIX,
    REID_CONFIG,
    TIMM_CONFIG,
    TIMM_PREFIX,
    WEIGHTS,
    ModelArguments,
)
from reseen.files import make_folder
from reseen.models import Encoder
from reseen.models.weights import mismatch
from reseen.runs.checkpoint import save_file

_ELSE = "; export it with --format onnx, or hand the module to the package: ReIDModel(reseen.load(RUN).encoder, ...)"


def write_reid(encoder: Encoder, card: Card, folder: Path, place: Path) -> None:
    """Write an encoder as the package `reid` loads it by `ReIDModel.from_pretrained(folder)`.

    Args:
        encoder: the encoder, in evaluation mode.
        card: its metadata, kept in `reid_config.json`.
        folder: folder to write to.
        place: absolute path where the folder will be; part of the configuration of a transformer of another input size.

    Raises:
        ExportError: pooling, stride or the end of the backbone cannot be expressed by a plain timm model.
    """
    name = card["reseen.backbone"]
    _refuse_what_reid_lacks(encoder)
    found = next(filter(None, (_plain_model(encoder, name, way) for way in _ways(encoder))), None)
    if found is None:
        raise ExportError(
            f"timm's {name}, as the package reid builds it, has other layers or strides than the run's "
            f"backbone: a last stride of 1 is one such difference (train with --model.last-stride 2){_ELSE}"
        )
    model, arguments = found
    if isinstance(encoder.neck, nn.BatchNorm1d):
        _multiply_in(model, encoder.neck, encoder, name)
    make_folder(folder)
    state = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
    save_file(state, folder / WEIGHTS, {"format": "pt", **card})
    if arguments.given:
        timm_config = {
            "architecture": name.partition(".")[0],
            "num_classes": 0,
            "num_features": encoder.channels,
            "pretrained_cfg": {
                "input_size": [3, encoder.height, encoder.width],
                "mean": list(encoder.mean),
                "std": list(encoder.std),
                "num_classes": 0,
            },
            "model_args": arguments.given,
        }
        _write_json(folder / TIMM_CONFIG, timm_config)
    config = {
        "architecture": TIMM_PREFIX + (f"{FOLDER_PREFIX}{place}" if arguments.given else name),
        "preprocessing": {
            "input_size": [encoder.height, encoder.width],
            "mean": list(encoder.mean),
            "std": list(encoder.std),
            "interpolation": "bicubic",
            "to_rgb": True,
            "resize_mode": "stretch",
        },
        "reseen": card | _words(encoder),
    }
    _write_json(folder / REID_CONFIG, config)


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _words(encoder: Encoder) -> Card:
    return {
        "reseen.input": "crops of any size, resized and normalized as `preprocessing` says",
        "reseen.resize": "outside: bicubic, antialiased, by the package",
        "reseen.output": f"vectors: float32, batch x {encoder.dimension}, of any length, compared by cosine",
    }


def _refuse_what_reid_lacks(encoder: Encoder) -> None:
    if encoder.patches is not None and encoder.part != "global":
        raise ExportError(f"the package reid has no patch embeddings; use --part global{_ELSE}")
    if encoder.whitening is not None:
        raise ExportError(
            f"the package reid cannot whiten embeddings, as the run does; train with --train.whiten false{_ELSE}"
        )
    if type(encoder.pooling).__name__ == "GeneralizedMeanPooling":
        raise ExportError(
            "the package reid has no generalized-mean pooling for timm models; train with --model.pooling average and "
            f"a backbone that ends in a normalization, such as a vision transformer{_ELSE}"
        )


def _ways(encoder: Encoder) -> list[ModelArguments]:
    """How timm may have to build the model, the simplest first."""
    size = (encoder.height, encoder.width)
    pool = "avg" if getattr(encoder.pooling, "average", True) else "token"
    return [
        ModelArguments(),
        ModelArguments(img_size=size, global_pool=pool),
        ModelArguments(
            img_size=size, global_pool=pool, fc_norm=False
        ),  # a vision transformer: norm before pooling
        ModelArguments(head_norm_first=True),  # ConvNeXt: the same
    ]


@torch.no_grad()
def _plain_model(
    encoder: Encoder, name: str, arguments: ModelArguments
) -> tuple[nn.Module, ModelArguments] | None:
    """The timm model with the trunk's tensors; None where it has others, pools otherwise or takes no such crops."""
    try:
        model = timm.create_model(name, pretrained=False, num_classes=0, **arguments.given).eval()
        state = {key: value.detach().clone() for key, value in encoder.trunk.state_dict().items()}
        if arguments.head_norm_first:
            state = {key.replace("head.norm.", "norm_pre."): value for key, value in state.items()}
        if mismatch(state, model.state_dict()):
            return None
        model.load_state_dict(state, strict=False)
        images = _noise(encoder)
        pooled = encoder.pooling(encoder.maps(images), None)
        same = _close(model(images), pooled)
    except Exception:  # a model without these arguments, or of a fixed input size
        return None
    return (model, arguments) if same else None


def _close(found: Tensor, wanted: Tensor) -> bool:
    return found.shape == wanted.shape and torch.allclose(
        found, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max())
    )


def _noise(encoder: Encoder) -> Float32[Tensor, "2 3 h w"]:
    return torch.randn((2, 3, encoder.height, encoder.width), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def _multiply_in(model: nn.Module, neck: nn.BatchNorm1d, encoder: Encoder, name: str) -> None:
    """Multiply the neck into the last norm of the model, in place."""
    assert neck.running_mean is not None
    assert neck.running_var is not None
    scale = neck.weight / torch.sqrt(neck.running_var + neck.eps)
    shift = neck.bias - neck.running_mean * scale
    images = _noise(encoder)
    wanted = neck(encoder.pooling(encoder.maps(images), None))
    norm = _last_norm(model, images, encoder.channels)
    if norm is not None:
        norm.bias.copy_(norm.bias * scale + shift)
        norm.weight.copy_(norm.weight * scale)
    if norm is None or not _close(model(images), wanted):
        raise ExportError(
            f"{name} does not end in a normalization that the BNNeck could be multiplied into, and the package reid "
            f"has no BNNeck for timm models: its vectors would rank otherwise{_ELSE}"
        )


def _last_norm(model: nn.Module, images: Tensor, channels: int) -> Any:
    """The norm with weight and bias that runs last in a forward pass; None if there is none of this width."""
    order: list[nn.Module] = []
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.LayerNorm | nn.BatchNorm2d | nn.BatchNorm1d)
        and isinstance(module.weight, Tensor)
        and isinstance(module.bias, Tensor)
        and module.weight.shape == (channels,)
    ]
    handles = [module.register_forward_hook(lambda module, *_: order.append(module)) for module in norms]
    try:
        model(images)
    finally:
        for handle in handles:
            handle.remove()
    return order[-1] if order else None
