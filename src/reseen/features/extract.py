"""Feature extraction in memory: crops or single images to embeddings, and BNNeck statistics estimated on them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor, nn

from reseen.data.crops import Crops
from reseen.data.views import normalize
from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.errors import ImagesError, WeightsError
from reseen.features.feature_cache import FeatureCache
from reseen.features.frozen_maps import FrozenMaps
from reseen.geometry import unit
from reseen.models import Encoder
from reseen.models.fold import inference_copy
from reseen.models.frozen_stages import frozen_output, trunk_maps_from_frozen
from reseen.models.patch_stage import TrunkMaps
from reseen.records import Features
from reseen.runs.console import Progress, no_progress
from reseen.runs.process_memory import kept_memory

BATCH = 256
"""Crops per forward pass."""

Images = UInt8[Tensor, "b 3 h w"]


@torch.no_grad()
def extract(
    encoder: nn.Module,
    crops: Crops,
    device: torch.device,
    progress: Progress = no_progress,
    *,
    mirrored: bool = False,
    transform: Callable[[Images], Images] | None = None,
    ranks: ProcessGroup = SINGLE_PROCESS,
    kept: FrozenMaps | None = None,
    cache: FeatureCache | None = None,
    embedder: Callable[[Images], Float32[Tensor, "b d"]] | None = None,
) -> Features:
    """Features (n, d) of all crops in row order, unit length unless the encoder is raw; the encoder is not modified.

    Args:
        encoder: an `Encoder`, which Fabric or `torch.compile` may have wrapped; it is run in evaluation mode.
        crops: the crops to embed.
        device: where the encoder is.
        progress: called with the number of crops just embedded, over all processes.
        mirrored: average the embeddings of a crop and its mirror image, before normalization.
        transform: applied to every batch of uint8 images (b, 3, h, w) before normalization, such as an augmentation.
        ranks: the process group; each process embeds a consecutive range of batches, and all get all features.
        kept: where outputs of frozen stages are kept for the next extraction of the same crops, with the same
            `mirrored` and without `transform`; what is there is not computed again. Features have the same bits.
        cache: the cache on disk of this encoder and these crops, or of crops that these were selected from; what is
            there is not computed again. Without `transform`. Features have the same bits.
        embedder: computes the embeddings (b, d) of uint8 images (b, 3, h, w) in place of the encoder, such as the
            `file` of an `Engine`.

    Raises:
        ValueError: a `transform` with a `cache`, or `kept` with an `embedder`.
        WeightsError: an output of the encoder is not finite.
        ImagesError: an output is zero and has no direction.

    Example:
        >>> features = extract(run.encoder(), crops, torch.device("cpu"))
        >>> features.vectors.shape
        torch.Size([3368, 2048])
    """
    if transform is not None and cache is not None:
        raise ValueError("features of transformed crops are not kept; leave one of the two out")
    if kept is not None and embedder is not None:
        raise ValueError("maps of frozen stages are those of the encoder; leave one of the two out")
    plain = unwrap(encoder)
    training = plain.training
    plain.eval()
    vectors = torch.empty(len(crops), plain.dimension)
    fast = inference_copy(plain) if embedder is None else plain

    def pixels_of(rows: Int64[Tensor, " b"]) -> Images:
        return crops.images(rows) if transform is None else transform(crops.images(rows))

    def maps(rows: Int64[Tensor, " b"]) -> Iterator[TrunkMaps]:
        if kept is not None and kept.holds(rows):
            blank = torch.zeros(1, 3, plain.height, plain.width, device=device)
            yield from (trunk_maps_from_frozen(fast, blank, output.to(device)) for output in kept.read(rows))
            return
        images = normalize(pixels_of(rows).to(device), plain.mean, plain.std)
        views = (images, images.flip(3)) if mirrored else (images,)
        for view, seen in enumerate(views):
            if kept is None:
                yield fast.trunk_maps(seen)
            else:
                output = frozen_output(fast, seen)
                kept.write(rows, view, output)
                yield trunk_maps_from_frozen(fast, seen, output)

    def outputs(rows: Int64[Tensor, " b"]) -> Float32[Tensor, "b d"]:
        if embedder is None:
            parts = [fast.embed_all(of_view) for of_view in maps(rows)]
        else:
            pixels = pixels_of(rows)
            parts = [embedder(view) for view in ((pixels, pixels.flip(3)) if mirrored else (pixels,))]
        return ((parts[0] + parts[1]) / 2 if mirrored else parts[0]).float().cpu()

    with _all_reads(cache, ranks):
        for rows, done in row_batches(len(crops), ranks):
            vectors[rows] = _cached(cache, crops, rows, f"mirrored {mirrored}", outputs)
            progress(done)
    plain.train(training)
    ranks.all_gather_rows(vectors, BATCH)
    return checked_features(vectors, plain.raw)


def checked_features(vectors: Float32[Tensor, "n d"], raw: bool) -> Features:
    """Outputs of an encoder (n, d) as features, scaled to unit rows unless `raw`.

    Raises:
        WeightsError: an output is not finite.
        ImagesError: an output is zero and has no direction.
    """
    broken = int((~torch.isfinite(vectors).all(dim=1)).sum())
    if broken:
        raise WeightsError(
            f"the encoder's outputs of {broken:,} of {len(vectors):,} crops are not finite; its weights are damaged"
        )
    zero = 0 if raw else int((~vectors.any(dim=1)).sum())
    if zero:
        raise ImagesError(
            f"the encoder's outputs of {zero:,} of {len(vectors):,} crops are zero: it tells none from another; "
            "give crops that differ, or other weights"
        )
    return Features(vectors, raw=True) if raw else Features(unit(vectors))


@torch.no_grad()
def extract_frames(
    encoder: Encoder,
    crops: Crops,
    device: torch.device,
    progress: Progress = no_progress,
    *,
    mirrored: bool = False,
    ranks: ProcessGroup = SINGLE_PROCESS,
    cache: FeatureCache | None = None,
) -> Float32[np.ndarray, "n d"]:
    """BNNeck outputs (n, d) before normalization, in row order, to be averaged over tracklets.

    `cache` is used as by `extract`.
    """
    encoder.eval()
    vectors = torch.empty(len(crops), encoder.dimension)

    def outputs(rows: Int64[Tensor, " b"]) -> Float32[Tensor, "b d"]:
        images = normalize(crops.images(rows).to(device), encoder.mean, encoder.std)
        frames = encoder.embed_frames(images)
        if mirrored:
            frames = (frames + encoder.embed_frames(images.flip(3))) / 2
        return frames.float().cpu()

    with _all_reads(cache, ranks):
        for rows, done in row_batches(len(crops), ranks):
            vectors[rows] = _cached(cache, crops, rows, f"frames, mirrored {mirrored}", outputs)
            progress(done)
    ranks.all_gather_rows(vectors, BATCH)
    return vectors.numpy()


def _cached(
    cache: FeatureCache | None,
    crops: Crops,
    rows: Int64[Tensor, " b"],
    kind: str,
    compute: Callable[[Int64[Tensor, " b"]], Float32[Tensor, "b d"]],
) -> Float32[Tensor, "b d"]:
    """The outputs (b, d) of a batch, from the cache if there is one."""
    return compute(rows) if cache is None else cache.outputs(crops, rows, kind, partial(compute, rows))


@contextmanager
def _all_reads(cache: FeatureCache | None, ranks: ProcessGroup) -> Iterator[None]:
    """Count what all processes read from their caches during the block in that of each."""
    before = 0 if cache is None else cache.read
    yield
    if cache is not None:
        cache.read = before + int(ranks.all_reduce(torch.tensor(cache.read - before)))


@torch.no_grad()
def estimate_neck_statistics(
    encoder: nn.Module,
    crops: Crops,
    device: torch.device,
    progress: Progress = no_progress,
    ranks: ProcessGroup = SINGLE_PROCESS,
) -> None:
    """Estimate the batch norm statistics of BNNeck and patches on the crops, in place, before the first round.

    With initial statistics the channels keep their different scales; first clusters, on which all later ones build,
    are better when the channels are standardized. An encoder without them stays as it is.
    """
    plain = unwrap(encoder)
    if not plain.norms():
        return
    training = plain.training
    plain.eval()
    sums = {norm: torch.zeros(2, norm.num_features, dtype=torch.float64) for norm in plain.norms()}
    fast = inference_copy(plain)
    for batch in batches(crops, plain, device, ranks):
        for norm, inputs in fast.norm_inputs(batch.images):
            values = inputs.double().cpu()
            sums[norm] += torch.stack([values.sum(dim=0), values.square().sum(dim=0)])
        progress(batch.done)
    for norm, moments in sums.items():
        total, squares = ranks.all_reduce(moments)
        mean = total / len(crops)
        norm.get_buffer("running_mean").copy_(mean)
        norm.get_buffer("running_var").copy_((squares / len(crops) - mean.square()).clamp_min(1e-8))
    plain.train(training)


def unwrap(encoder: nn.Module) -> Encoder:
    """The `Encoder` inside the wrappers of Fabric and `torch.compile`.

    Raises:
        TypeError: there is none.
    """
    inner = getattr(encoder, "module", encoder)
    inner = getattr(inner, "_orig_mod", inner)
    if not isinstance(inner, Encoder):
        raise TypeError(f"expected an Encoder, got {type(inner).__name__}")
    return inner


@dataclass(frozen=True)
class ImageBatch:
    """Normalized images of one process, on its device."""

    rows: Int64[Tensor, " b"]
    images: Float32[Tensor, "b 3 h w"]
    done: int
    """Number of crops that all processes have done with this batch."""


def batches(
    crops: Crops,
    encoder: Encoder,
    device: torch.device,
    ranks: ProcessGroup,
    transform: Callable[[Images], Images] = lambda images: images,
) -> Iterator[ImageBatch]:
    """Yield this process's batches."""
    for rows, done in row_batches(len(crops), ranks):
        images = transform(crops.images(rows)).to(device)
        yield ImageBatch(rows, normalize(images, encoder.mean, encoder.std), done)


def row_batches(count: int, ranks: ProcessGroup) -> Iterator[tuple[Int64[Tensor, " b"], int]]:
    """Yield the rows of this process's batches of `count` crops, and the number of crops done by all processes."""
    remaining = count
    with kept_memory():
        for start in ranks.rows(count, BATCH):
            rows = torch.arange(start, min(start + BATCH, count))
            done = min(remaining, len(rows) * ranks.size)
            remaining -= done
            yield rows, done


@torch.no_grad()
def embed_image(
    encoder: Encoder, pixels: UInt8[np.ndarray, "h w 3"], *, mirrored: bool = False
) -> Float32[np.ndarray, " d"]:
    """The embedding (d,) of one uint8 RGB image of the encoder's input size, of unit length unless the encoder is raw.

    With `mirrored` it is the mean of those of the image and its mirror image, before normalization.
    """
    image = normalize(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None], encoder.mean, encoder.std)
    vector = encoder(image)
    if mirrored:
        vector = (vector + encoder(image.flip(3))) / 2
        vector = vector if encoder.raw else unit(vector)
    return vector[0].float().numpy()
