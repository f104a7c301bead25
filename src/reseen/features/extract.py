"""Images to features, without labels and without changing the encoder.

The vector of one image.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor, nn

from reseen.data.crops import Crops
from reseen.data.views import normalize
from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.geometry import unit
from reseen.models import Encoder
from reseen.records import Features
from reseen.runs.allocation import kept_memory
from reseen.runs.console import Progress, no_progress

BATCH = 256

Images = UInt8[Tensor, "b 3 h w"]


@torch.no_grad()
def extract(
    encoder: nn.Module,
    crops: Crops,
    device: torch.device,
    progress: Progress = no_progress,
    mirrored: bool = False,
    change: Callable[[Images], Images] = lambda images: images,
    ranks: ProcessGroup = SINGLE_PROCESS,
) -> Features:
    """Features of every crop, in row order; `encoder` may be wrapped by Fabric.

    Of several `ranks` each makes a run of whole batches, and all get everything.

    With `mirrored`, the mean of a crop's vector and its mirror image's, or its direction on the sphere. `change` makes
    another view of a batch of pixels before the encoder sees it.
    """
    plain = unwrap(encoder)
    training = plain.training
    plain.eval()
    vectors = torch.empty(len(crops), plain.dimension)
    for rows, images, done in batches(crops, plain, device, ranks, change):
        features = encoder(images)
        if mirrored:
            features = (features + encoder(images.flip(3))) / 2
        vectors[rows] = features.float().cpu()
        progress(done)
    plain.train(training)
    ranks.all_gather_rows(vectors, BATCH)
    return Features(vectors, raw=True) if plain.raw else Features(unit(vectors))


@torch.no_grad()
def extract_frames(
    encoder: Encoder,
    crops: Crops,
    device: torch.device,
    progress: Progress = no_progress,
    mirrored: bool = False,
    ranks: ProcessGroup = SINGLE_PROCESS,
) -> Float32[np.ndarray, "n d"]:
    """The neck's vectors with their lengths, in row order, to be averaged over tracklets before any normalization."""
    encoder.eval()
    vectors = torch.empty(len(crops), encoder.dimension)
    for rows, images, done in batches(crops, encoder, device, ranks):
        features = encoder.embed_frames(images)
        if mirrored:
            features = (features + encoder.embed_frames(images.flip(3))) / 2
        vectors[rows] = features.cpu()
        progress(done)
    ranks.all_gather_rows(vectors, BATCH)
    return vectors.numpy()


@torch.no_grad()
def estimate_neck_statistics(
    encoder: nn.Module,
    crops: Crops,
    device: torch.device,
    progress: Progress = no_progress,
    ranks: ProcessGroup = SINGLE_PROCESS,
) -> None:
    """Give the batch norms of neck and patches the statistics of the data before the first round.

    A fresh neck passes vectors on as they are, on scales of their own per channel; the first clusters, which
    all later ones grow from, are better when every channel counts alike.
    """
    plain = unwrap(encoder)
    training = plain.training
    plain.eval()
    norms = [plain.neck] if plain.patches is None else [plain.neck, plain.patches.norm]
    sums = {norm: torch.zeros(2, norm.num_features, dtype=torch.float64) for norm in norms}
    for _rows, images, done in batches(crops, plain, device, ranks):
        for norm, given in plain.norm_inputs(images):
            numbers = given.double().cpu()
            sums[norm] += torch.stack([numbers.sum(dim=0), numbers.square().sum(dim=0)])
        progress(done)
    for norm, both in sums.items():
        total, squares = ranks.all_reduce(both)
        mean = total / len(crops)
        norm.get_buffer("running_mean").copy_(mean)
        norm.get_buffer("running_var").copy_((squares / len(crops) - mean.square()).clamp_min(1e-8))
    plain.train(training)


def unwrap(encoder: nn.Module) -> Encoder:
    """The encoder inside Fabric's wrapper."""
    inner = getattr(encoder, "module", encoder)
    inner = getattr(inner, "_orig_mod", inner)
    if not isinstance(inner, Encoder):
        raise TypeError(f"wanted an Encoder, got {type(inner).__name__}")
    return inner


def batches(
    crops: Crops,
    encoder: Encoder,
    device: torch.device,
    ranks: ProcessGroup,
    change: Callable[[Images], Images] = lambda images: images,
) -> Iterator[tuple[Int64[Tensor, " b"], Float32[Tensor, "b 3 h w"], int]]:
    """Rows and normalized images of this process's batches, and how many crops all have done meanwhile."""
    left = len(crops)
    with kept_memory():
        for start in ranks.rows(len(crops), BATCH):
            rows = torch.arange(start, min(start + BATCH, len(crops)))
            done = min(left, len(rows) * ranks.size)
            left -= done
            yield rows, normalize(change(crops.images(rows)).to(device), encoder.mean, encoder.std), done


@torch.no_grad()
def embed_image(encoder: Encoder, pixels: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, " d"]:
    """The encoder's vector of an RGB image of its size, as `extract` gives it."""
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]
    return encoder(normalize(image, encoder.mean, encoder.std))[0].float().numpy()
