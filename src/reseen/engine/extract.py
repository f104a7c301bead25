"""Images to features, without labels and without changing the encoder."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn

from reseen.data.views import normalize
from reseen.engine.console import Progress, no_progress
from reseen.engine.crops import Crops
from reseen.geometry import unit
from reseen.models import Encoder
from reseen.records import Features

BATCH = 256


@torch.no_grad()
def extract(
    encoder: nn.Module,
    crops: Crops,
    device: torch.device,
    progress: Progress = no_progress,
    mirrored: bool = False,
) -> Features:
    """Features of every crop, in row order; `encoder` may be wrapped by Fabric.

    With `mirrored`, the mean of a crop's vector and its mirror image's, or its direction on the sphere.
    """
    plain = unwrap(encoder)
    training = plain.training
    plain.eval()
    vectors = torch.empty(len(crops), plain.dimension)
    for rows, images in _batches(crops, plain, device):
        features = encoder(images)
        if mirrored:
            features = (features + encoder(images.flip(3))) / 2
        vectors[rows] = features.float().cpu()
        progress(len(rows))
    plain.train(training)
    return Features(vectors, raw=True) if plain.raw else Features(unit(vectors))


@torch.no_grad()
def extract_frames(
    encoder: Encoder,
    crops: Crops,
    device: torch.device,
    progress: Progress = no_progress,
    mirrored: bool = False,
) -> Float32[np.ndarray, "n d"]:
    """The neck's vectors with their lengths, in row order, to be averaged over tracklets before any normalization."""
    encoder.eval()
    vectors = np.empty((len(crops), encoder.dimension), dtype=np.float32)
    for rows, images in _batches(crops, encoder, device):
        features = encoder.unprojected(encoder.maps(images))
        if mirrored:
            features = (features + encoder.unprojected(encoder.maps(images.flip(3)))) / 2
        vectors[rows.numpy()] = features.cpu().numpy()
        progress(len(rows))
    return vectors


@torch.no_grad()
def settle_neck(
    encoder: nn.Module, crops: Crops, device: torch.device, progress: Progress = no_progress
) -> None:
    """Give the neck's batch norm the statistics of the data before the first round.

    A fresh neck passes vectors on as they are, on scales of their own per channel; the first clusters, which
    all later ones grow from, are better when every channel counts alike.
    """
    plain = unwrap(encoder)
    training = plain.training
    plain.eval()
    total = torch.zeros(plain.dimension, dtype=torch.float64)
    squares = torch.zeros_like(total)
    for rows, images in _batches(crops, plain, device):
        pooled = plain.pooling(plain.maps(images)).double().cpu()
        total += pooled.sum(dim=0)
        squares += pooled.square().sum(dim=0)
        progress(len(rows))
    mean = total / len(crops)
    variance = (squares / len(crops) - mean.square()).clamp_min(1e-8)
    plain.neck.get_buffer("running_mean").copy_(mean)
    plain.neck.get_buffer("running_var").copy_(variance)
    plain.train(training)


def unwrap(encoder: nn.Module) -> Encoder:
    """The encoder inside Fabric's wrapper."""
    inner = getattr(encoder, "module", encoder)
    inner = getattr(inner, "_orig_mod", inner)
    if not isinstance(inner, Encoder):
        raise TypeError(f"wanted an Encoder, got {type(inner).__name__}")
    return inner


def _batches(
    crops: Crops, encoder: Encoder, device: torch.device
) -> Iterator[tuple[Int64[Tensor, " b"], Float32[Tensor, "b 3 h w"]]]:
    for start in range(0, len(crops), BATCH):
        rows = torch.arange(start, min(start + BATCH, len(crops)))
        yield rows, normalize(crops.images(rows).to(device), encoder.mean, encoder.std)
