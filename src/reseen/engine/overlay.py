"""Numbers per cell of a feature map, laid over the crop they come from."""

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from PIL import Image

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
