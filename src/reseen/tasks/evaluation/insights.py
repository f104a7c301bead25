"""Visualize what a method learned, on synthetic people, so that pages show no images of other data sets."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8
from PIL import Image
from torch import Generator, Tensor

from reseen.cluster import center_cameras, prune
from reseen.data.crops import Crops
from reseen.data.views import normalize
from reseen.errors import RunError, TrainingError
from reseen.geometry import unit
from reseen.methods import METHODS
from reseen.methods.base import CredibleRule
from reseen.models import Encoder
from reseen.models.frozen_stages import frozen_grid
from reseen.models.masking import MaskSettings, draw_masks
from reseen.models.patches import window_weights
from reseen.neighbors import credible_neighbors
from reseen.pages import Insight, RankedAnswer, RankedList, Strip
from reseen.pages.album import camera_label, pictures
from reseen.records import Features
from reseen.runs.run import Run
from reseen.synthetic.shot import Shot, draw_shot
from reseen.tasks.evaluation.retrieval import Retrieval

Crop = UInt8[np.ndarray, "h w 3"]

_WARM = np.array([255.0, 122.0, 0.0])
_HIDDEN = np.array([28.0, 30.0, 36.0])


def heat(crop: Crop, cells: Float32[np.ndarray, "y x"]) -> Crop:
    """A heat map: the crop (h, w, 3) in gray, overlaid with orange by the values of `cells`, scaled to their range."""
    low, high = float(cells.min()), float(cells.max())
    scaled = (cells - low) / (high - low) if high > low else np.zeros_like(cells)
    height, width = crop.shape[:2]
    smooth = Image.fromarray(scaled.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    share = np.clip(np.asarray(smooth), 0, 1)[:, :, None]
    gray = crop.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return _to_bytes((1 - 0.75 * share) * gray[:, :, None] + 0.75 * share * _WARM)


def hide(crop: Crop, kept: Bool[np.ndarray, "y x"]) -> Crop:
    """The crop (h, w, 3) with dark blocks over the masked cells, those not in `kept`."""
    height, width = crop.shape[:2]
    rows = np.arange(height) * kept.shape[0] // height
    columns = np.arange(width) * kept.shape[1] // width
    visible = kept[rows][:, columns, None]
    return _to_bytes(np.where(visible, crop, 0.12 * crop + 0.88 * _HIDDEN))


def _to_bytes(values: np.ndarray) -> Crop:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


_PEOPLE = 4
_SEED = 7
_SAMPLED = 6
_CREDIBLE_TITLE = "Credible neighbors"


def insights(run: Run, retrieval: Retrieval) -> list[Insight]:
    """Visualizations for the run's method; empty for methods without any.

    Credible neighbors are those of gallery crops by global embeddings, so a retrieval by patches alone shows none.
    """
    method = run.recipe.method
    shown = [] if method.masks is None else [_masks(run, method.masks)]
    if METHODS[method.name].method.needs_patches:
        shown.append(_windows(run, run.encoder(part="both")))
    if method.credible_rule is not None:
        shown.append(_credible(run, method.credible_rule, retrieval))
    return shown


def starting_encoder(run: Run) -> Encoder | None:
    """The encoder before the first training step; None for runs of earlier versions, which did not keep it."""
    try:
        return run.encoder(untrained=True)
    except RunError:
        return None


def _masks(run: Run, mask: MaskSettings) -> Insight:
    encoder = run.encoder()
    crops, images = _people(encoder)
    before = starting_encoder(run)
    cells = encoder.cells(encoder.maps(images)).detach()
    generator = Generator().manual_seed(_SEED)
    deep = frozen_grid(encoder) if mask.place == "frozen" else None
    masked = cells if deep is None else cells.new_ones(len(cells), 1, *deep)
    views = [draw_masks(masked, mask, mask.share, generator) for _ in range(2)]
    maps = {
        name: _similarity(model, images) for name, model in (("before", before), ("after", encoder)) if model
    }
    strips = []
    for index, crop in enumerate(crops):
        frames = [(crop, "crop")]
        for number, kept in enumerate(views, start=1):
            visible = kept[index].float().mean(dim=0).numpy() > 0.5
            frames.append((hide(crop, visible), f"view {number}"))
        frames += [(heat(crop, values[index]), name) for name, values in maps.items()]
        strips.append(Strip(frames))
    note = (
        "Synthetic people. Two views of each are masked differently, as at the end of training; each view predicts "
        "the other. Orange: cells most similar to the embedding of the whole crop"
    )
    missing = "" if before is not None else "; the starting weights are not available for comparison"
    return Insight("Masks and similarity maps", f"{note}{missing}.", strips)


def _windows(run: Run, encoder: Encoder) -> Insight:
    crops, images = _people(encoder)
    windows = _patch_weights(encoder, images)
    learned = run.recipe.model.patches is not None and run.recipe.model.patches.generator == "learned"
    before = starting_encoder(run) if learned else None
    initial = None if before is None else _patch_weights(before, images)
    strips = []
    for index, crop in enumerate(crops):
        for name, weights in (("before", initial), ("after", windows)):
            if weights is not None:
                suffix = f", {name}" if initial is not None else ""
                frames = [
                    (heat(crop, window), f"{number}{suffix}")
                    for number, window in enumerate(weights[index], start=1)
                ]
                strips.append(Strip([(crop, "crop"), *frames]))
    kind = "windows are learned" if learned else "windows are fixed stripes"
    return Insight(
        "Patch windows", f"Synthetic people; orange: the cells that each patch averages; {kind}.", strips
    )


def _credible(run: Run, rule: CredibleRule, retrieval: Retrieval) -> Insight:
    """Gallery crops with their credible neighbors, by the rule used in training, marked as correct or wrong."""
    task, crops = retrieval.task, retrieval.gallery
    if len(task.gallery) <= rule.settings.count:
        return Insight(
            _CREDIBLE_TITLE, f"The gallery has only {len(task.gallery)} crops, too few for neighbors."
        )
    if retrieval.part == "patch":
        return Insight(
            _CREDIBLE_TITLE,
            "Not available for patches alone, since global embeddings decide: leave out --part.",
        )
    patches = run.recipe.model.patches
    vectors = task.gallery.vectors if patches is None else task.gallery.vectors[:, : run.encoder().channels]
    features = Features(unit(vectors))
    if rule.center_cameras and retrieval.uses_cameras and bool((task.gallery_cameras >= 0).any()):
        features = center_cameras(features, task.gallery_cameras)
    clusters = None
    if rule.clustering is not None:
        try:
            clusters = prune(features, rule.clustering.cluster(features)).labels.labels
        except TrainingError as error:
            return Insight(_CREDIBLE_TITLE, f"The gallery has no clusters to find neighbors in: {error}.")
    neighbors = credible_neighbors(features, rule.settings, clusters=clusters)
    counts = (neighbors >= 0).sum(axis=1)
    known = retrieval.task.gallery_identities > 0
    candidates = np.flatnonzero((counts > 0) & known)
    if not len(candidates):
        return Insight(_CREDIBLE_TITLE, "No gallery crop has a credible neighbor.")
    same = retrieval.task.gallery_identities[neighbors] == retrieval.task.gallery_identities[:, None]
    precision = float((same & (neighbors >= 0))[known].sum() / counts[known].sum())
    count = min(_SAMPLED, len(candidates))
    rows = candidates[np.linspace(0, len(candidates) - 1, count).round().astype(int)]
    lists = [_ranked_list(crops, int(row), neighbors[row], same[row]) for row in rows]
    note = (
        f"Gallery crops with their credible neighbors: {counts.mean():.1f} on average, of which {precision:.0%} show "
        "the same person. Training uses credible neighbors of the unlabeled crops."
    )
    return Insight(_CREDIBLE_TITLE, note, ranked=lists)


def _ranked_list(crops: Crops, row: int, neighbors: np.ndarray, same: np.ndarray) -> RankedList:
    valid = neighbors >= 0
    images = pictures(crops, [row, *neighbors[valid].tolist()])
    answers = [
        RankedAnswer(image, bool(is_same), camera_label(crops, other))
        for image, is_same, other in zip(images[1:], same[valid], neighbors[valid].tolist(), strict=True)
    ]
    return RankedList(images[0], answers, camera_label(crops, row))


def _people(encoder: Encoder) -> tuple[Sequence[UInt8[np.ndarray, "h w 3"]], Tensor]:
    """Synthetic people as arrays (h, w, 3), and as normalized input of the encoder (b, 3, h, w)."""
    height, width = encoder.height, encoder.width
    crops = [
        draw_shot(Shot(person, 1 + person % 2, 0), _SEED, height, width) for person in range(1, _PEOPLE + 1)
    ]
    stacked = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    return crops, normalize(stacked, encoder.mean, encoder.std)


@torch.no_grad()
def _similarity(encoder: Encoder, images: Tensor) -> Float32[np.ndarray, "b y x"]:
    """Cosine similarity of each cell of the feature map with the pooled embedding of its crop."""
    maps = encoder.maps(images)
    cells = encoder.cells(maps).float()
    pooled = unit(encoder.pooling(maps).float())
    return torch.einsum("bdyx,bd->byx", unit(cells.movedim(1, -1)).movedim(-1, 1), pooled).numpy()


@torch.no_grad()
def _patch_weights(encoder: Encoder, images: Tensor) -> Float32[np.ndarray, "b p y x"]:
    """The pooling weight of each cell for each patch."""
    assert encoder.patches is not None  # the method has them
    cells = encoder.cells(encoder.trunk_maps(images).patches)
    weights = window_weights(encoder.patches.windows(cells), cells.shape[2], cells.shape[3])
    return weights.expand(len(images), -1, -1, -1).numpy()
