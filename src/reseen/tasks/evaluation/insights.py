"""What a method looks at, shown on drawn people, so that the page holds nobody's picture but the data's own.

Numbers per cell of a feature map, laid over the crop they come from.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8
from PIL import Image
from torch import Generator, Tensor

from reseen.cluster import center_cameras, merge_features
from reseen.data.crops import Crops
from reseen.data.views import normalize
from reseen.errors import ReseenError, TrainingError
from reseen.geometry import unit
from reseen.methods.global_patch_settings import GlobalPatchSettings
from reseen.methods.maskpre_settings import MaskPreSettings
from reseen.models import Encoder
from reseen.models.frozen_stages import frozen_grid
from reseen.models.masking import draw_masks
from reseen.models.patches import window_weights
from reseen.neighbors import credible_neighbors
from reseen.pages import Insight, RankedAnswer, RankedList, Strip
from reseen.pages.album import camera_words, pictures
from reseen.records import Features
from reseen.runs.run import Run
from reseen.synthetic.shot import Shot, draw_shot
from reseen.tasks.evaluation.score import Retrieval
from reseen.training.warm_start import warm_start

Crop = UInt8[np.ndarray, "h w 3"]

_WARM = np.array([255.0, 122.0, 0.0])
_HIDDEN = np.array([28.0, 30.0, 36.0])


def heat(crop: Crop, cells: Float32[np.ndarray, "y x"]) -> Crop:
    """The crop in gray, orange where `cells` are high; from the lowest to the highest of them."""
    low, high = float(cells.min()), float(cells.max())
    scaled = (cells - low) / (high - low) if high > low else np.zeros_like(cells)
    height, width = crop.shape[:2]
    smooth = Image.fromarray(scaled.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    share = np.clip(np.asarray(smooth), 0, 1)[:, :, None]
    gray = crop.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return _to_bytes((1 - 0.75 * share) * gray[:, :, None] + 0.75 * share * _WARM)


def hide(crop: Crop, kept: Bool[np.ndarray, "y x"]) -> Crop:
    """The crop with dark blocks over the cells that are not kept."""
    height, width = crop.shape[:2]
    rows = np.arange(height) * kept.shape[0] // height
    columns = np.arange(width) * kept.shape[1] // width
    seen = kept[rows][:, columns, None]
    return _to_bytes(np.where(seen, crop, 0.12 * crop + 0.88 * _HIDDEN))


def _to_bytes(values: np.ndarray) -> Crop:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


_PEOPLE = 4
_SEED = 7
_ASKED = 6
_BELIEVED = "Whom does it believe to be the same person?"


def insights(run: Run, retrieval: Retrieval) -> list[Insight]:
    """Pictures for the run's method; none for methods that have nothing of their own to show.

    Credible neighbors are those of the gallery's crops by whole images, so a retrieval by patches alone has none.
    """
    method = run.recipe.method
    if isinstance(method, MaskPreSettings):
        return [_masks(run, method)]
    if isinstance(method, GlobalPatchSettings):
        encoder = run.encoder(part="both")
        believed = [_credible(encoder, method, retrieval)] if method.branch == "bank" else []
        return [_windows(run, encoder), *believed]
    return []


def starting_encoder(run: Run) -> Encoder | None:
    """The encoder as it was before the first step; None where its starting weights are not at hand any more."""
    recipe = run.recipe
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        try:
            encoder, _ = warm_start(recipe.model, run.facts["height"], run.facts["width"])
            return encoder.eval()
        except ReseenError:
            return None


def _masks(run: Run, method: MaskPreSettings) -> Insight:
    encoder = run.encoder()
    crops, images = _people(encoder)
    before = starting_encoder(run)
    cells = encoder.cells(encoder.maps(images)).detach()
    generator = Generator().manual_seed(_SEED)
    deep = frozen_grid(encoder) if method.mask.place == "frozen" else None
    masked = cells if deep is None else cells.new_ones(len(cells), 1, *deep)
    views = [draw_masks(masked, method.mask, method.mask.share, generator) for _ in range(2)]
    maps = {
        name: _similarity(model, images) for name, model in (("before", before), ("after", encoder)) if model
    }
    strips = []
    for index, crop in enumerate(crops):
        frames = [(crop, "crop")]
        for number, kept in enumerate(views, start=1):
            seen = kept[index].float().mean(dim=0).numpy() > 0.5
            frames.append((hide(crop, seen), f"view {number}"))
        frames += [(heat(crop, found[index]), name) for name, found in maps.items()]
        strips.append(Strip(frames))
    note = (
        "Drawn people. Two views of each lose different cells, as at the end of the training; each view is to "
        "predict the other. In orange, the cells that are most like the vector of the whole crop"
    )
    untold = "" if before is not None else "; the starting weights are not at hand, to show how it was before"
    return Insight("What do masks hide, and where does a vector come from?", f"{note}{untold}.", strips)


def _windows(run: Run, encoder: Encoder) -> Insight:
    crops, images = _people(encoder)
    looks = _looks(encoder, images)
    learned = run.recipe.model.patches is not None and run.recipe.model.patches.generator == "learned"
    before = starting_encoder(run) if learned else None
    starts = None if before is None else _looks(before, images)
    strips = []
    for index, crop in enumerate(crops):
        for name, found in (("before", starts), ("after", looks)):
            if found is not None:
                told = f", {name}" if starts is not None else ""
                frames = [
                    (heat(crop, look), f"{place}{told}") for place, look in enumerate(found[index], start=1)
                ]
                strips.append(Strip([(crop, "crop"), *frames]))
    said = "windows have learned where to look" if learned else "windows are stripes, and stay where they are"
    return Insight(
        "Where do patches look?", f"Drawn people; in orange, what each patch averages; {said}.", strips
    )


def _credible(encoder: Encoder, method: GlobalPatchSettings, retrieval: Retrieval) -> Insight:
    """Crops of the gallery with those that are credible to them by the rule of training, right and wrong marked."""
    task, crops = retrieval.task, retrieval.gallery
    if len(task.gallery) <= method.credible.count:
        return Insight(
            _BELIEVED, f"{len(task.gallery)} crops of the gallery are too few to look for neighbors."
        )
    if retrieval.part == "patch":
        return Insight(
            _BELIEVED, "Whole images decide that, and this page is of patches alone: leave out --part."
        )
    features = Features(unit(task.gallery.vectors[:, : encoder.channels]))
    if method.center_cameras:
        features = center_cameras(features, task.gallery_cameras)
    grown = None
    if method.credible.source == "clusters":
        try:
            grown = merge_features(features, method.hierarchy).labels.labels
        except TrainingError as error:
            return Insight(_BELIEVED, f"The gallery has no clusters to find neighbors in: {error}.")
    found = credible_neighbors(features, method.credible, clusters=grown)
    counts = (found >= 0).sum(axis=1)
    known = retrieval.task.gallery_identities > 0
    having = np.flatnonzero((counts > 0) & known)
    if not len(having):
        return Insight(
            _BELIEVED, "No crop of the gallery has a neighbor that is credible by the rule of training."
        )
    same = retrieval.task.gallery_identities[found] == retrieval.task.gallery_identities[:, None]
    right = float((same & (found >= 0))[known].sum() / counts[known].sum())
    picked = having[np.linspace(0, len(having) - 1, min(_ASKED, len(having))).round().astype(int)]
    lists = [_list(crops, int(row), found[row], same[row]) for row in picked]
    note = (
        f"Gallery crops and the neighbors that are credible to them: {counts.mean():.1f} on average, of which "
        f"{right:.0%} show the same person. Training does this on the unlabelled crops."
    )
    return Insight(_BELIEVED, note, ranked=lists)


def _list(crops: Crops, row: int, neighbors: np.ndarray, same: np.ndarray) -> RankedList:
    there = neighbors >= 0
    images = pictures(crops, [row, *neighbors[there].tolist()])
    answers = [
        RankedAnswer(image, bool(right), camera_words(crops, other))
        for image, right, other in zip(images[1:], same[there], neighbors[there].tolist(), strict=True)
    ]
    return RankedList(images[0], answers, camera_words(crops, row))


def _people(encoder: Encoder) -> tuple[Sequence[UInt8[np.ndarray, "h w 3"]], Tensor]:
    """Drawn people as arrays, and as what the encoder takes."""
    height, width = encoder.height, encoder.width
    crops = [
        draw_shot(Shot(person, 1 + person % 2, 0), _SEED, height, width) for person in range(1, _PEOPLE + 1)
    ]
    stacked = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    return crops, normalize(stacked, encoder.mean, encoder.std)


@torch.no_grad()
def _similarity(encoder: Encoder, images: Tensor) -> Float32[np.ndarray, "b y x"]:
    """Cosine of each cell of the map with the pooled vector of its crop."""
    maps = encoder.maps(images)
    cells = encoder.cells(maps).float()
    pooled = unit(encoder.pooling(maps).float())
    return torch.einsum("bdyx,bd->byx", unit(cells.movedim(1, -1)).movedim(-1, 1), pooled).numpy()


@torch.no_grad()
def _looks(encoder: Encoder, images: Tensor) -> Float32[np.ndarray, "b p y x"]:
    """How much each cell counts for each patch."""
    assert encoder.patches is not None  # the method has them
    cells = encoder.cells(encoder.maps(images))
    weights = window_weights(encoder.patches.windows(cells), cells.shape[2], cells.shape[3])
    return weights.expand(len(images), -1, -1, -1).numpy()
