"""The vector of one image."""

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from reseen.data.views import normalize
from reseen.models import Encoder


@torch.no_grad()
def embed_image(encoder: Encoder, pixels: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, " d"]:
    """The encoder's vector of an RGB image of its size, as `extract` gives it."""
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]
    return encoder(normalize(image, encoder.mean, encoder.std))[0].float().numpy()
